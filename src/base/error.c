#define HP_ERROR_DEFINITIONS
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

#if defined(_WIN32)
#include <uv.h>
#include <windows.h>

#include <lmerr.h>
#endif

static void replace_message(struct hp_error *err, char *message) {
  char *clean = hp_utf8_printable(message);
  free(message);
  free(err->message);
  err->message = clean;
}

int hp_error_set(struct hp_error *err, enum hp_code code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *message = hp_vprintf(format, args);
  va_end(args);
  replace_message(err, message);
  err->code = code;
  err->os_code = 0;
  return -1;
}

#if defined(_WIN32)
static enum hp_code code_of_system(int os_code) {
  switch (os_code) {
  case ERROR_FILE_NOT_FOUND:
  case ERROR_PATH_NOT_FOUND:
    return HP_NOT_FOUND;
  case ERROR_ACCESS_DENIED:
  case ERROR_PRIVILEGE_NOT_HELD:
  case ERROR_WRITE_PROTECT:
    return HP_PERMISSION_DENIED;
  case ERROR_ALREADY_EXISTS:
  case ERROR_FILE_EXISTS:
    return HP_ALREADY_EXISTS;
  case ERROR_NOT_ENOUGH_MEMORY:
  case ERROR_OUTOFMEMORY:
  case ERROR_NO_SYSTEM_RESOURCES:
  case ERROR_COMMITMENT_LIMIT:
  case ERROR_TOO_MANY_OPEN_FILES:
  case ERROR_DISK_FULL:
  case ERROR_HANDLE_DISK_FULL:
    return HP_RESOURCE_EXHAUSTED;
  default:
    return HP_INTERNAL;
  }
}

/* The texts of network functions are a library's of their own. */
static HMODULE open_texts(int os_code) {
  if (os_code < NERR_BASE || os_code > MAX_NERR)
    return NULL;
  return LoadLibraryExW(L"netmsg.dll", NULL, LOAD_LIBRARY_AS_DATAFILE | LOAD_LIBRARY_SEARCH_SYSTEM32);
}

/* UTF-8, owned; NULL: there is none. */
static char *text_in(DWORD language, HMODULE texts, int os_code) {
  wchar_t wide[512];
  char text[1536];
  DWORD length = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
                                    (texts ? FORMAT_MESSAGE_FROM_HMODULE : 0),
                                texts, (DWORD)os_code, language, wide, sizeof wide / sizeof wide[0], NULL);
  while (length > 0 && (wide[length - 1] == L'\r' || wide[length - 1] == L'\n'))
    length--;
  int bytes =
      length ? WideCharToMultiByte(CP_UTF8, 0, wide, (int)length, text, (int)sizeof text, NULL, NULL) : 0;
  return bytes > 0 ? hp_strndup(text, (size_t)bytes) : NULL;
}

/* English, so that the sentence people search for is there on every node that
 * has it; with another the number, which they search for then. */
static char *text_of_system(int os_code) {
  HMODULE texts = open_texts(os_code);
  char *english = text_in(MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US), texts, os_code);
  char *other = english ? NULL : text_in(0, texts, os_code), *text = english;
  if (other)
    text = hp_printf("%s (Windows error %d)", other, os_code);
  else if (!english)
    text = hp_printf(os_code < 0 ? "Windows error 0x%08x" : "Windows error %d", (unsigned)os_code);
  free(other);
  if (texts)
    FreeLibrary(texts);
  return text;
}
#else
static enum hp_code code_of_system(int os_code) {
  switch (os_code) {
  case ENOENT:
  case ENOTDIR:
  case ESRCH:
    return HP_NOT_FOUND;
  case EACCES:
  case EPERM:
  case EROFS:
    return HP_PERMISSION_DENIED;
  case EEXIST:
    return HP_ALREADY_EXISTS;
  case ENOMEM:
  case EMFILE:
  case ENFILE:
  case ENOSPC:
  case EDQUOT:
  case EAGAIN:
    return HP_RESOURCE_EXHAUSTED;
  case ETIMEDOUT:
    return HP_DEADLINE_EXCEEDED;
  default:
    return HP_INTERNAL;
  }
}

static char *text_of_system(int os_code) {
  char text[256];
  return hp_strdup(strerror_r(os_code, text, sizeof text)); /* GNU's: returns the text */
}
#endif

int hp_error_set_os(struct hp_error *err, int os_code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *what = hp_vprintf(format, args);
  va_end(args);
  char *why = text_of_system(os_code);
  replace_message(err, hp_printf("%s: %s", what, why));
  free(what);
  free(why);
  err->code = code_of_system(os_code);
  err->os_code = os_code;
  return -1;
}

#if defined(_WIN32)
/* There libuv's numbers are its own. */
static enum hp_code code_of_uv(int status) {
  switch (status) {
  case UV_ENOENT:
  case UV_ENOTDIR:
  case UV_ESRCH:
    return HP_NOT_FOUND;
  case UV_EACCES:
  case UV_EPERM:
  case UV_EROFS:
    return HP_PERMISSION_DENIED;
  case UV_EEXIST:
    return HP_ALREADY_EXISTS;
  case UV_ENOMEM:
  case UV_EMFILE:
  case UV_ENFILE:
  case UV_ENOSPC:
    return HP_RESOURCE_EXHAUSTED;
  default:
    return HP_INTERNAL;
  }
}
#endif

int hp_error_set_uv(struct hp_error *err, int status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *what = hp_vprintf(format, args);
  va_end(args);
#if defined(_WIN32)
  hp_error_set(err, code_of_uv(status), "%s: %s", what, uv_strerror(status));
#else
  hp_error_set_os(err, -status, "%s", what);
#endif
  free(what);
  return -1;
}

int hp_error_wrap(struct hp_error *err, const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *context = hp_vprintf(format, args);
  va_end(args);
  replace_message(err, hp_printf("%s: %s", context, err->message ? err->message : "unknown error"));
  free(context);
  return -1;
}

int hp_error_recode(struct hp_error *err, enum hp_code code) {
  err->code = code;
  return -1;
}

int hp_error_move(struct hp_error *to, struct hp_error *from) {
  hp_error_clear(to);
  *to = *from;
  *from = (struct hp_error)HP_ERROR_INIT;
  return -1;
}

int hp_error_copy(struct hp_error *to, const struct hp_error *from) {
  char *message = hp_strdup(from->message);
  hp_error_clear(to);
  *to = (struct hp_error){from->code, from->os_code, message};
  return -1;
}

void hp_error_clear(struct hp_error *err) {
  free(err->message);
  *err = (struct hp_error)HP_ERROR_INIT;
}

const char *hp_code_name(enum hp_code code) {
  static const char *const names[] = {
      "OK",       "Cancelled",     "Unknown",          "InvalidArgument",   "DeadlineExceeded",
      "NotFound", "AlreadyExists", "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
      "Aborted",  "OutOfRange",    "Unimplemented",    "Internal",          "Unavailable",
  };
  size_t index = (size_t)code;
  return index < sizeof names / sizeof names[0] ? names[index] : "Unknown";
}
