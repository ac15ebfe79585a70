/* Whose pipe it is that a client's end was opened of, on a host that can tell:
 * Wine is kept from being seen. */
#include "host/windows/pipe.h"

#include <aclapi.h>

#include "host/host.h"
#include "host/windows/pipe_pair.h"
#include "host/windows/winapi.h"
#include "support.h"

static bool foreign; /* every pipe is everybody's */

FARPROC hp_winapi_find(const wchar_t *library, const char *name) {
  return strcmp(name, "wine_get_version") == 0 ? NULL : GetProcAddress(GetModuleHandleW(library), name);
}

static DWORD WINAPI get_security(HANDLE handle, SE_OBJECT_TYPE type, SECURITY_INFORMATION wanted, PSID *owner,
                                 PSID *group, PACL *dacl, PACL *sacl, PSECURITY_DESCRIPTOR *descriptor) {
  static SID everyone = {SID_REVISION, 1, {SECURITY_WORLD_SID_AUTHORITY}, {SECURITY_WORLD_RID}};
  static SID system = {SID_REVISION, 1, {SECURITY_NT_AUTHORITY}, {SECURITY_LOCAL_SYSTEM_RID}};
  (void)handle, (void)group, (void)dacl, (void)sacl;
  ck_assert_int_eq(type, SE_KERNEL_OBJECT);
  ck_assert_uint_eq(wanted, OWNER_SECURITY_INFORMATION);
  *owner = foreign ? &everyone : &system;
  *descriptor = NULL;
  return ERROR_SUCCESS;
}
extern void *const __imp_GetSecurityInfo;
void *const __imp_GetSecurityInfo = (void *)(uintptr_t)get_security;

/* ---- */

static struct hp_error err;
static char *name;
static HANDLE server;

static void enter(void) {
  foreign = false;
  name = hp_pipe_unique_name("test");
  ck_assert_msg(hp_pipe_serve(name, true, 1, &server, &err) == 0, "%s", err.message);
}

static void leave(void) {
  CloseHandle(server);
  free(name);
  hp_error_clear(&err);
}

START_TEST(the_systems_pipe_is_taken) {
  HANDLE pipe;
  ck_assert_msg(hp_pipe_dial_trusted(name, 0, &pipe, &err) == 0, "%s", err.message);
  CloseHandle(pipe);
}
END_TEST

START_TEST(anybodys_pipe_is_refused) {
  HANDLE pipe;
  uint32_t pid;
  foreign = true;
  ck_assert_int_eq(hp_pipe_dial_trusted(name, 0, &pipe, &err), -1);
  ck_assert_int_eq(err.code, HP_PERMISSION_DENIED);
  ck_assert_msg(strstr(err.message, name) && strstr(err.message, "end that process"), "%s", err.message);
  hp_error_clear(&err);
  DisconnectNamedPipe(server);
  ck_assert_int_eq(host_daemon_find(name, &pid, &err), -1);
}
END_TEST

static void on_connected(void *arg, uv_stream_t *stream, const struct hp_error *why) {
  ck_assert_ptr_null(stream);
  ck_assert_int_eq(why->code, HP_PERMISSION_DENIED);
  *(bool *)arg = true;
}

/* containerd's pipe is no protected one: while containerd is away the name is
 * for anybody to take, and with it the events. */
START_TEST(events_are_not_told_to_anybody) {
  uv_loop_t loop;
  bool refused = false;
  foreign = true;
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  host_connect(&loop, name, on_connected, &refused);
  uv_run(&loop, UV_RUN_DEFAULT);
  ck_assert(refused);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host/windows/pipe_owner");
  TCase *test = tcase_create("pipe_owner");
  tcase_set_timeout(test, 60);
  tcase_add_checked_fixture(test, enter, leave);
  tcase_add_test(test, the_systems_pipe_is_taken);
  tcase_add_test(test, anybodys_pipe_is_refused);
  tcase_add_test(test, events_are_not_told_to_anybody);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
