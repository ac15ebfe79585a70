/* The look-ups of this system, and what is said of one that is missing. */
#include "host/windows/winapi.h"

#include <stdio.h>
#include <string.h>

#include "host/windows/layers.h"
#include "host/windows/silo.h"
#include "support.h"

static struct hp_error err;

static void leave(void) {
  hp_error_clear(&err);
}

START_TEST(what_every_host_has_is_found) {
  const struct hp_winapi *api = hp_winapi();
  ck_assert(api->NtCreateFile && api->NtQueryInformationProcess && api->RtlNtStatusToDosError);
  ck_assert(api->IsWow64Process2 && api->CreatePseudoConsole && api->ResizePseudoConsole);
  ck_assert(api->ClosePseudoConsole != NULL);
  ck_assert_ptr_eq(api, hp_winapi());
  ck_assert_uint_ge(hp_winapi_build(), 9200);
}
END_TEST

START_TEST(only_the_systems_own_libraries_are_searched) {
  ck_assert(hp_winapi_find(L"kernel32.dll", "GetProcAddress") != NULL);
  ck_assert(hp_winapi_find(L"kernel32.dll", "NoSuchFunction") == NULL);
  ck_assert(hp_winapi_find(L"no-such-library.dll", "NoSuchFunction") == NULL);
}
END_TEST

START_TEST(what_is_missing_is_named_with_its_library) {
  ck_assert_int_eq(hp_winapi_absent("PrepareLayer", &err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, "PrepareLayer (vmcompute.dll)"));
  hp_winapi_absent("BfSetupFilter", &err);
  ck_assert_ptr_nonnull(strstr(err.message, "BfSetupFilter (bindfltapi.dll)"));
}
END_TEST

START_TEST(a_host_without_layers_says_so) {
  if (hp_winapi_vmcompute()->ActivateLayer) {
    printf("skipped: this host has vmcompute.dll\n");
    return;
  }
  ck_assert_int_eq(hp_layers_check(&err), -1);
  ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
  ck_assert_ptr_nonnull(strstr(err.message, "vmcompute.dll"));
  ck_assert_ptr_nonnull(strstr(err.message, "Containers"));
}
END_TEST

START_TEST(a_host_without_the_bind_filter_says_so_each_time) {
  if (hp_winapi_bindflt()->BfSetupFilter) {
    printf("skipped: this host has bindfltapi.dll\n");
    return;
  }
  for (int i = 0; i < 2; i++) {
    ck_assert_int_eq(hp_silo_probe(&err), -1);
    ck_assert_int_eq(err.code, HP_FAILED_PRECONDITION);
    ck_assert_ptr_nonnull(strstr(err.message, "bindfltapi.dll"));
    hp_error_clear(&err);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("host_windows_winapi");
  TCase *tcase = tcase_create("winapi");
  tcase_add_checked_fixture(tcase, NULL, leave);
  tcase_add_test(tcase, what_every_host_has_is_found);
  tcase_add_test(tcase, only_the_systems_own_libraries_are_searched);
  tcase_add_test(tcase, what_is_missing_is_named_with_its_library);
  tcase_add_test(tcase, a_host_without_layers_says_so);
  tcase_add_test(tcase, a_host_without_the_bind_filter_says_so_each_time);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
