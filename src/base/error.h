/* The one error type. It is filled by the function that saw the failure, gets
 * context on the way up (hp_error_wrap) and is sent to the client as it is.
 *
 * Convention of the whole program: a function that can fail takes a
 * `struct hp_error *` (never NULL, cleared or zeroed by the caller) as its last
 * argument, returns 0, or returns -1 with the error filled. A message names the
 * field or object, the value, the cause and the remedy, and is one sentence
 * without a final newline. */
#ifndef HP_BASE_ERROR_H
#define HP_BASE_ERROR_H

#include "base/attributes.h"

/* gRPC status codes: the numbers are those on the wire (google.rpc.Code). */
enum hp_code {
  HP_OK = 0,
  HP_CANCELLED = 1,
  HP_UNKNOWN = 2,
  HP_INVALID_ARGUMENT = 3,
  HP_DEADLINE_EXCEEDED = 4,
  HP_NOT_FOUND = 5,
  HP_ALREADY_EXISTS = 6,
  HP_PERMISSION_DENIED = 7,
  HP_RESOURCE_EXHAUSTED = 8,
  HP_FAILED_PRECONDITION = 9,
  HP_ABORTED = 10,
  HP_OUT_OF_RANGE = 11,
  HP_UNIMPLEMENTED = 12,
  HP_INTERNAL = 13,
  HP_UNAVAILABLE = 14,
};

struct hp_error {
  enum hp_code code;
  int os_code;   /* errno or GetLastError(); 0: no system call is to blame */
  char *message; /* owned; valid UTF-8, no control characters */
};

#define HP_ERROR_INIT                                                                                        \
  { HP_OK, 0, 0 }

/* Sets code and message; whatever stood there is freed. Control characters and
 * broken UTF-8 that a hostile value brings are shown as \xNN. Returns -1. */
int hp_error_set(struct hp_error *err, enum hp_code code, const char *format, ...) HP_PRINTF(3, 4);

/* The same for a failed system call: ": " and the system's text are appended,
 * and the code follows from os_code (ENOENT → NotFound, EACCES/EPERM →
 * PermissionDenied, EEXIST → AlreadyExists, ENOMEM/EMFILE/ENOSPC… →
 * ResourceExhausted, EINVAL… → Internal). Returns -1. */
int hp_error_set_os(struct hp_error *err, int os_code, const char *format, ...) HP_PRINTF(3, 4);

/* The same for a libuv call; status is what it returned, negative. */
int hp_error_set_uv(struct hp_error *err, int status, const char *format, ...) HP_PRINTF(3, 4);

/* Puts "format: " in front of the message; keeps the codes. Returns -1. */
int hp_error_wrap(struct hp_error *err, const char *format, ...) HP_PRINTF(2, 3);

/* Replaces the gRPC code alone. Returns -1. */
int hp_error_recode(struct hp_error *err, enum hp_code code);

/* Moves from into to (which is cleared first); from is left empty. Returns -1. */
int hp_error_move(struct hp_error *to, struct hp_error *from);

/* A deep copy, for an answer that outlives its source. Returns -1. */
int hp_error_copy(struct hp_error *to, const struct hp_error *from);

void hp_error_clear(struct hp_error *err);

/* The analyzer reads one file at a time: it is told what these return. */
#if defined(__clang_analyzer__) && !defined(HP_ERROR_DEFINITIONS)
static inline int hp_error_returns(int returned) {
  (void)returned;
  return -1;
}
#define hp_error_set(...) hp_error_returns(hp_error_set(__VA_ARGS__))
#define hp_error_set_os(...) hp_error_returns(hp_error_set_os(__VA_ARGS__))
#define hp_error_wrap(...) hp_error_returns(hp_error_wrap(__VA_ARGS__))
#define hp_error_recode(...) hp_error_returns(hp_error_recode(__VA_ARGS__))
#define hp_error_move(...) hp_error_returns(hp_error_move(__VA_ARGS__))
#define hp_error_copy(...) hp_error_returns(hp_error_copy(__VA_ARGS__))
#endif

/* "NotFound" for HP_NOT_FOUND and so on; "Code(99)"'s place is "Unknown". */
const char *hp_code_name(enum hp_code code);

#endif
