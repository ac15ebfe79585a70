#include "spec/account.h"

#include <string.h>

#include "base/memory.h"
#include "support.h"

#include <stdlib.h>

static void is_kind(const char *username, enum hp_account_kind kind) {
  struct hp_account account;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(hp_account_parse(HP_OS_WINDOWS, username, &account, &err) == 0, "%s", err.message);
  ck_assert_msg(account.kind == kind, "%s is kind %d", username, (int)account.kind);
  ck_assert_ptr_null(account.name);
  ck_assert_ptr_null(account.domain);
  hp_account_clear(&account);
}

static void is_named(const char *username, const char *domain, const char *name) {
  struct hp_account account;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_msg(hp_account_parse(HP_OS_WINDOWS, username, &account, &err) == 0, "%s", err.message);
  ck_assert_int_eq(account.kind, HP_ACCOUNT_NAMED);
  ck_assert_pstr_eq(account.domain, domain);
  ck_assert_str_eq(account.name, name);
  hp_account_clear(&account);
}

static void is_refused(const char *username, const char *message) {
  struct hp_account account;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_account_parse(HP_OS_WINDOWS, username, &account, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_str_eq(err.message, message);
  ck_assert_ptr_null(account.name);
  hp_error_clear(&err);
}

/* The superuser's name on Linux is anybody's on Windows. */
START_TEST(test_root) {
  static const char *const spellings[] = {"root", "Root", ".\\root", "NT AUTHORITY\\root"};
  for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
    struct hp_account account;
    struct hp_error err = HP_ERROR_INIT;
    ck_assert_int_eq(hp_account_parse(HP_OS_LINUX, spellings[i], &account, &err), 0);
    ck_assert_int_eq(account.kind, HP_ACCOUNT_SYSTEM);
    hp_account_clear(&account);
  }
  is_named("root", NULL, "root");
  is_named(".\\root", ".", "root");
}
END_TEST

START_TEST(test_services) {
  static const char *const system[] = {"NT AUTHORITY\\SYSTEM", "nt authority\\system", "System",
                                       "LocalSystem",          "local system",         "S-1-5-18",
                                       "BUILTIN\\SYSTEM"};
  for (size_t i = 0; i < sizeof system / sizeof system[0]; i++)
    is_kind(system[i], HP_ACCOUNT_SYSTEM);
  is_kind("NT AUTHORITY\\Local service", HP_ACCOUNT_LOCAL_SERVICE);
  is_kind("LOCALSERVICE", HP_ACCOUNT_LOCAL_SERVICE);
  is_kind("s-1-5-19", HP_ACCOUNT_LOCAL_SERVICE);
  is_kind("NT Authority\\NetworkService", HP_ACCOUNT_NETWORK_SERVICE);
  is_kind("Network Service", HP_ACCOUNT_NETWORK_SERVICE);
  is_kind("S-1-5-20", HP_ACCOUNT_NETWORK_SERVICE);
}
END_TEST

START_TEST(test_names) {
  is_named("hpc-localgroup", NULL, "hpc-localgroup");
  is_named(".\\group", ".", "group");
  is_named("BUILTIN\\Administrators", "BUILTIN", "Administrators");
  is_named("corp.example\\account$", "corp.example", "account$");
  is_named("HOST\\SYSTEM", "HOST", "SYSTEM"); /* not the service: the domain is somebody else's */
  is_named("Gruppe mit \xc3\xa4", NULL, "Gruppe mit \xc3\xa4");
  is_named("S-1-5-180", NULL, "S-1-5-180");
}
END_TEST

/* The limits count characters, not bytes. */
START_TEST(test_lengths) {
  char name[2 * 104 + 1];
  for (size_t i = 0; i < 104; i++)
    memcpy(name + 2 * i, "\xc3\xa9", 2);
  name[2 * 104] = 0;
  is_named(name, NULL, name);

  char domain[255 + 1];
  memset(domain, 'd', 255);
  domain[255] = 0;
  char *whole = hp_printf("%s\\u", domain), *longer = hp_printf("d%s\\u", domain);
  is_named(whole, domain, "u");
  char *message =
      hp_printf("runAsUserName \"%s\" has a domain of more than 255 characters: shorten it", longer);
  is_refused(longer, message);
  free(message);
  free(longer);
  free(whole);

  char *long_name = hp_printf("%su", name);
  message = hp_printf("runAsUserName \"%s\" has a name of more than 104 characters: shorten it", long_name);
  is_refused(long_name, message);
  free(message);
  free(long_name);
}
END_TEST

#define INSIDE                                                                                               \
  "\" exists only inside ordinary containers (it is the image's USER when the pod names nobody): set "       \
  "runAsUserName to NT AUTHORITY\\SYSTEM, Local service, NetworkService or a local group"
#define FORBIDDEN                                                                                            \
  "\" has a character that Windows forbids in names: remove any of \" / [ ] : ; | = , + * ? < >"
#define FORBIDDEN_DOMAIN                                                                                     \
  "\" has a domain that Windows forbids: it must not hold any of \" / [ ] : ; | = , + * ? < > and not only " \
  "dots and spaces"
#define EMPTY                                                                                                \
  "runAsUserName is empty: set it to NT AUTHORITY\\SYSTEM, Local service, NetworkService or a local group, " \
  "or set annotation microsoft.com/hostprocess-inherit-user to \"true\""

static const struct {
  const char *username, *message;
} refusals[] = {
    {NULL, EMPTY},
    {"", EMPTY},
    {"a\\b\\c", "runAsUserName \"a\\b\\c\" has more than one backslash: write DOMAIN\\name"},
    {"\\\\", "runAsUserName \"\\\\\" has more than one backslash: write DOMAIN\\name"},
    {"a\nb", "runAsUserName \"a\\x0ab\" has control characters: remove them"},
    {"a\x7f", "runAsUserName \"a\\x7f\" has control characters: remove them"},
    {"a\xc2\x85", "runAsUserName \"a\\xc2\\x85\" has control characters: remove them"},
    {"\\user",
     "runAsUserName \"\\user\" has nothing before the backslash: write DOMAIN\\name, .\\name or name"},
    {"CORP\\", "runAsUserName \"CORP\\\" has no name after the backslash: write DOMAIN\\name"},
    {"a:b", "runAsUserName \"a:b" FORBIDDEN},
    {"what?", "runAsUserName \"what?" FORBIDDEN},
    {"a/b", "runAsUserName \"a/b" FORBIDDEN},
    {"a[b\\c", "runAsUserName \"a[b\\c" FORBIDDEN_DOMAIN},
    {"..\\c", "runAsUserName \"..\\c" FORBIDDEN_DOMAIN},
    {". .", "runAsUserName \". .\" is only dots and spaces: name an account or a local group"},
    {"ContainerUser", "runAsUserName \"ContainerUser" INSIDE},
    {"containeradministrator", "runAsUserName \"containeradministrator" INSIDE},
    {"User Manager\\ContainerAdministrator", "runAsUserName \"User Manager\\ContainerAdministrator" INSIDE},
};

START_TEST(test_refusals) {
  is_refused(refusals[_i].username, refusals[_i].message);
}
END_TEST

START_TEST(test_huge_name_is_cut_in_the_message) {
  char *name = hp_alloc((1 << 20) + 1);
  memset(name, 'n', 1 << 20);
  struct hp_account account;
  struct hp_error err = HP_ERROR_INIT;
  ck_assert_int_eq(hp_account_parse(HP_OS_WINDOWS, name, &account, &err), -1);
  ck_assert_uint_lt(strlen(err.message), 1000);
  hp_error_clear(&err);
  free(name);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("spec_account");
  TCase *tcase = tcase_create("runAsUserName");
  tcase_add_test(tcase, test_services);
  tcase_add_test(tcase, test_root);
  tcase_add_test(tcase, test_names);
  tcase_add_test(tcase, test_lengths);
  tcase_add_loop_test(tcase, test_refusals, 0, (int)(sizeof refusals / sizeof refusals[0]));
  tcase_add_test(tcase, test_huge_name_is_cut_in_the_message);
  suite_add_tcase(suite, tcase);
  return hp_run_suite(suite);
}
