#include "spec/command_windows.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static const struct hp_command_windows_host host = {"C:\\hpc", "C:\\Windows"};
static struct hp_error err;

static void set_up(void) {
  err = (struct hp_error)HP_ERROR_INIT;
}

static void tear_down(void) {
  hp_error_clear(&err);
}

static struct hp_strings list_of(const char *const *items, size_t count) {
  struct hp_strings list = {0};
  for (size_t i = 0; i < count; i++)
    hp_strings_add(&list, items[i]);
  return list;
}
#define LIST(...)                                                                                            \
  list_of((const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* ---- CommandLineToArgvW ------------------------------------------------------- */

/* The documented rules of CommandLineToArgvW, written down once more. */
static struct hp_strings split(const char *line) {
  struct hp_strings args = {0};
  char *word = hp_alloc(strlen(line) + 1);
  size_t length = 0;
  bool quoted = false;
  for (; *line && (quoted || (*line != ' ' && *line != '\t')); line++) {
    if (*line == '"')
      quoted = !quoted;
    else
      word[length++] = *line;
  }
  hp_strings_take(&args, hp_strndup(word, length));
  while (*(line += strspn(line, " \t"))) {
    length = 0;
    quoted = false;
    for (; *line && (quoted || (*line != ' ' && *line != '\t'));) {
      size_t backslashes = strspn(line, "\\");
      line += backslashes;
      size_t kept = *line == '"' ? backslashes / 2 : backslashes;
      memset(word + length, '\\', kept);
      length += kept;
      if (*line == '"' && backslashes % 2 == 1) {
        word[length++] = *line++;
      } else if (*line == '"') {
        quoted = !quoted;
        line++;
      } else if (backslashes == 0) {
        word[length++] = *line++;
      }
    }
    hp_strings_take(&args, hp_strndup(word, length));
  }
  free(word);
  return args;
}

static void assert_round_trip(const struct hp_strings *args) {
  char *line = NULL;
  ck_assert_msg(hp_command_windows_quote(args, &line, &err) == 0, "%s", err.message);
  struct hp_strings back = split(line);
  ck_assert_msg(back.count == args->count, "%u words became %u: %s", (unsigned)args->count,
                (unsigned)back.count, line);
  for (size_t i = 0; i < args->count; i++)
    ck_assert_str_eq(back.items[i], args->items[i]);
  hp_strings_clear(&back);
  free(line);
}

START_TEST(test_quote_round_trip) {
  struct hp_strings args =
      LIST("C:\\Program Files\\x.exe", "", " ", "a b", "\"", "\\", "\\\\", "\\\"", "\\\\\"", "a\\", "a b\\",
           "a b\\\\", "\"a b\"", "a\tb", "a\nb", "%PATH%", "^&|<>()!", "\xc3\xa4\xf0\x9f\x98\x80", "C:\\x\\");
  assert_round_trip(&args);
  hp_strings_clear(&args);
}
END_TEST

/* Every word of up to five of the characters that matter. */
START_TEST(test_quote_all_short_words) {
  static const char alphabet[] = "\\\" a";
  for (unsigned number = 0; number < 4u * 4 * 4 * 4 * 4; number++) {
    char word[6] = "";
    for (unsigned i = 0, rest = number; i < 5; i++, rest /= 4)
      word[i] = alphabet[rest % 4];
    struct hp_strings args = LIST("x.exe", word, "end");
    assert_round_trip(&args);
    hp_strings_clear(&args);
  }
}
END_TEST

START_TEST(test_quote_leaves_plain_words_alone) {
  struct hp_strings args = LIST("cmd.exe", "/c", "ver");
  char *line = NULL;
  ck_assert_int_eq(hp_command_windows_quote(&args, &line, &err), 0);
  ck_assert_str_eq(line, "cmd.exe /c ver");
  free(line);
  hp_strings_clear(&args);
}
END_TEST

START_TEST(test_quote_refuses_a_program_with_a_quotation_mark) {
  struct hp_strings args = LIST("a\"b.exe");
  char *line = NULL;
  ck_assert_int_eq(hp_command_windows_quote(&args, &line, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_ptr_nonnull(strstr(err.message, "process.args[0]"));
  hp_strings_clear(&args);
}
END_TEST

/* The limit is of UTF-16 units, in which the smiley counts two. */
START_TEST(test_quote_length) {
  for (size_t extra = 0; extra < 2; extra++) {
    size_t count = HP_COMMAND_LINE_MAX - strlen("x.exe ") - 2 + extra;
    char *word = hp_alloc(count + 5);
    memset(word, 'a', count);
    strcpy(word + count, "\xf0\x9f\x98\x80");
    struct hp_strings args = LIST("x.exe", word);
    char *line = NULL;
    ck_assert_int_eq(hp_command_windows_quote(&args, &line, &err), extra == 0 ? 0 : -1);
    if (extra == 0)
      ck_assert_uint_eq(hp_command_windows_length(line), HP_COMMAND_LINE_MAX);
    else
      ck_assert_ptr_nonnull(strstr(err.message, "32767 characters"));
    free(line);
    free(word);
    hp_strings_clear(&args);
  }
}
END_TEST

/* ---- an unescaped line --------------------------------------------------------- */

static void assert_words(const char *line, const struct hp_strings *programs, const char *last_rest) {
  struct hp_command_windows_word *words;
  size_t count = hp_command_windows_words(line, &words);
  ck_assert_uint_eq(count, programs->count);
  for (size_t i = 0; i < count; i++)
    ck_assert_str_eq(words[i].program, programs->items[i]);
  if (count > 0)
    ck_assert_str_eq(line + words[count - 1].end, last_rest);
  hp_command_windows_words_free(words, count);
}

START_TEST(test_words) {
  struct hp_strings three = LIST("C:\\Program", "C:\\Program Files\\x.exe", "C:\\Program Files\\x.exe  /y");
  assert_words("C:\\Program Files\\x.exe  /y", &three, "");
  hp_strings_clear(&three);
  struct hp_strings one = LIST("C:\\Program Files\\x");
  assert_words(" \"C:\\Program Files\\x\" \"/y z\"", &one, " \"/y z\"");
  assert_words("\"C:\\Program Files\\x", &one, "");
  hp_strings_clear(&one);
  struct hp_strings none = {0};
  assert_words("", &none, "");
  assert_words(" \t ", &none, "");
  assert_words("\"\" x", &none, "");
}
END_TEST

START_TEST(test_words_are_bounded) {
  char *line = hp_alloc(4001);
  for (size_t i = 0; i < 4000; i++)
    line[i] = i % 2 ? ' ' : 'a';
  struct hp_command_windows_word *words;
  size_t count = hp_command_windows_words(line, &words);
  ck_assert_uint_eq(count, HP_COMMAND_WORDS_MAX);
  hp_command_windows_words_free(words, count);
  free(line);
}
END_TEST

/* ---- cmd.exe ---------------------------------------------------------------------- */

#define CMD "\"C:\\Windows\\System32\\cmd.exe\" /e:ON /v:OFF /d /c "

START_TEST(test_batch) {
  static const struct {
    const char *arg, *written;
  } cases[] = {
      {"plain-1.2", "plain-1.2"},
      {"", "\"\""},
      {"a b", "\"a b\""},
      {"a&b|c>d<e^f", "\"a&b|c>d<e^f\""},
      {"say \"hi\"", "\"say \"\"hi\"\"\""},
      {"\\\"", "\"\\\\\"\"\""},
      {"end\\", "\"end\\\\\""},
      {"%PATH%", "\"%%cd:~,%PATH%%cd:~,%\""},
      {"\xc3\xa4", "\"\xc3\xa4\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct hp_strings args = LIST("x.bat", cases[i].arg);
    char *line = NULL, *expected = hp_printf(CMD "\"\"C:\\a b\\x.bat\" %s\"", cases[i].written);
    ck_assert_int_eq(hp_command_windows_batch("C:\\a b\\x.bat", &args, "C:\\Windows", &line, &err), 0);
    ck_assert_str_eq(line, expected);
    free(line);
    free(expected);
    hp_strings_clear(&args);
  }
}
END_TEST

START_TEST(test_batch_refuses) {
  char *line = NULL, *lengthy = hp_alloc(9001);
  memset(lengthy, 'a', 9000);
  struct hp_strings line_break = LIST("x.bat", "a", "b\nshutdown"), too_long = LIST("x.bat", lengthy);
  ck_assert_int_eq(hp_command_windows_batch("C:\\x.bat", &line_break, "C:\\Windows", &line, &err), -1);
  ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
  ck_assert_ptr_nonnull(strstr(err.message, "process.args[2]"));
  ck_assert_int_eq(hp_command_windows_batch("C:\\x.bat", &too_long, "C:\\Windows", &line, &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "cmd.exe takes 8191"));
  ck_assert_int_eq(hp_command_windows_batch_raw("C:\\x.bat", " a\r\nb", "C:\\Windows", &line, &err), -1);
  ck_assert_ptr_nonnull(strstr(err.message, "process.commandLine"));
  free(lengthy);
  hp_strings_clear(&line_break);
  hp_strings_clear(&too_long);
}
END_TEST

START_TEST(test_batch_raw) {
  char *line = NULL;
  ck_assert_int_eq(hp_command_windows_batch_raw("C:\\x.cmd", " a \"b c\"", "C:\\Windows", &line, &err), 0);
  ck_assert_str_eq(line, CMD "\"\"C:\\x.cmd\" a \"b c\"\"");
  free(line);
  ck_assert_int_eq(hp_command_windows_batch_raw("C:\\x.cmd. .", "", "C:\\Windows", &line, &err), 0);
  ck_assert_str_eq(line, CMD "\"\"C:\\x.cmd\"\"");
  free(line);
  ck_assert(hp_command_windows_is_batch("x.BAT"));
  ck_assert(hp_command_windows_is_batch("C:\\x.cmd"));
  ck_assert(!hp_command_windows_is_batch("x.cmd.exe"));
  ck_assert(!hp_command_windows_is_batch(".bat"));
  ck_assert(hp_command_windows_is_batch("C:\\x.bat. ."));
  ck_assert(!hp_command_windows_is_batch("C:\\x.bat. .exe"));
}
END_TEST

/* ---- look-up ------------------------------------------------------------------------ */

static struct hp_strings candidates(const char *program, const char *cwd, const char *path) {
  struct hp_strings env = {0}, found = {0};
  hp_strings_take(&env, hp_printf("Path=%s", path));
  hp_command_windows_candidates(program, cwd, &env, &host, &found);
  hp_strings_clear(&env);
  return found;
}

/* Position of path among the candidates of program; -1: it is none. */
static long position(const char *program, const char *cwd, const char *path, const char *wanted) {
  struct hp_strings found = candidates(program, cwd, path);
  long at = -1;
  for (size_t i = 0; i < found.count && at < 0; i++)
    if (strcmp(found.items[i], wanted) == 0)
      at = (long)i;
  hp_strings_clear(&found);
  return at;
}

START_TEST(test_candidates_of_a_name) {
  struct hp_strings found = candidates("x", "D:\\w", "C:\\one;\"C:\\t;wo\";;three;\\four\\;C:five");
  static const char *const folders[] = {
      "D:\\w", "C:\\one", "C:\\t;wo", "D:\\w\\three", "C:\\four", "C:\\Windows\\System32", "C:\\Windows"};
  static const char *const names[] = {"x.com", "x.exe", "x.bat", "x.cmd", "x"};
  ck_assert_uint_eq(found.count, 7 * 5);
  for (size_t i = 0; i < found.count; i++) {
    char *expected = hp_printf("%s\\%s", folders[i / 5], names[i % 5]);
    ck_assert_str_eq(found.items[i], expected);
    free(expected);
  }
  hp_strings_clear(&found);
}
END_TEST

START_TEST(test_candidates_with_an_extension) {
  ck_assert_int_eq(position("uname.EXE", "C:\\hpc\\bin", "", "C:\\hpc\\bin\\uname.EXE"), 0);
  ck_assert_int_eq(position("uname.exe", "C:\\hpc\\bin", "", "C:\\hpc\\bin\\uname.exe.com"), 1);
  ck_assert_int_eq(position("python3.9", "C:\\p", "", "C:\\p\\python3.9.com"), 0);
  ck_assert_int_eq(position("python3.9", "C:\\p", "", "C:\\p\\python3.9"), 4);
}
END_TEST

/* The rows of the contract's table, section 5. */
START_TEST(test_candidates_of_the_contract) {
  ck_assert_int_eq(position("System32\\cmd.exe", "c:\\Windows", "", "c:\\Windows\\System32\\cmd.exe"), 0);
  ck_assert_int_eq(position("C:\\hpc/bin/uname.exe", "C:\\", "", "C:\\hpc\\bin\\uname.exe"), 0);
  ck_assert_int_eq(position("bin/uname.exe", "C:\\hpc", "", "C:\\hpc\\bin\\uname.exe"), 0);
  ck_assert_int_eq(position("uname.exe", "C:\\hpc/bin/", "", "C:\\hpc/bin\\uname.exe"), 0);
  ck_assert_int_ge(position("bin\\uname.exe", "C:\\", "C:\\hpc", "C:\\hpc\\bin\\uname.exe"), 0);
  ck_assert_int_ge(position("cmd.exe", "C:\\hpc", "", "C:\\Windows\\System32\\cmd.exe"), 0);
}
END_TEST

START_TEST(test_candidates_of_an_absolute_path) {
  long on_host = position("/agnhost", "D:\\w", "", "C:\\agnhost");
  long in_volume = position("/agnhost", "D:\\w", "", "C:\\hpc\\agnhost");
  ck_assert_int_ge(on_host, 0);
  ck_assert_int_gt(in_volume, on_host);
  ck_assert_int_ge(position("D:\\x\\y.exe", "C:\\", "", "C:\\hpc\\x\\y.exe"), 0);
  /* Not twice below the volume, not out of it, and nowhere else. */
  struct hp_strings inside = candidates("c:\\HPC\\y.exe", "C:\\", "C:\\p");
  ck_assert_uint_eq(inside.count, 5);
  hp_strings_clear(&inside);
  struct hp_strings climbs = candidates("C:\\..\\Windows\\y.exe", "C:\\", "C:\\p");
  ck_assert_uint_eq(climbs.count, 5);
  hp_strings_clear(&climbs);
  struct hp_strings share = candidates("\\\\server\\share\\y.exe", "C:\\", "C:\\p");
  ck_assert_uint_eq(share.count, 5);
  hp_strings_clear(&share);
}
END_TEST

START_TEST(test_candidates_stay_in_the_working_directory) {
  struct hp_strings found = candidates("./x.exe", "C:\\w", "C:\\p");
  ck_assert_uint_eq(found.count, 5);
  ck_assert_str_eq(found.items[0], "C:\\w\\.\\x.exe");
  hp_strings_clear(&found);
}
END_TEST

START_TEST(test_candidates_of_nothing) {
  static const char *const names[] = {"", "C:x.exe", "bin\\", "/"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct hp_strings found = candidates(names[i], "C:\\w", "C:\\p");
    ck_assert_msg(found.count == 0, "%s has candidates", names[i]);
    hp_strings_clear(&found);
  }
}
END_TEST

START_TEST(test_candidates_are_bounded) {
  char *path = hp_alloc(8001), *name = hp_alloc(5001);
  for (size_t i = 0; i < 8000; i++)
    path[i] = i % 2 ? ';' : 'p';
  memset(name, 'n', 5000);
  struct hp_strings many = candidates("x", "C:\\w", path), lengthy = candidates(name, "C:\\w", path);
  ck_assert_uint_eq(many.count, (1024 + 3) * 5);
  ck_assert_uint_eq(lengthy.count, 5);
  hp_strings_clear(&many);
  hp_strings_clear(&lengthy);
  free(path);
  free(name);
}
END_TEST

/* ---- working directory ----------------------------------------------------------------- */

static void assert_places(const char *cwd, bool bind, const char *expected) {
  struct hp_command_windows_directory places[HP_COMMAND_DIRECTORIES_MAX];
  size_t count;
  ck_assert_msg(hp_command_windows_directories(cwd, bind, &host, places, &count, &err) == 0, "%s",
                err.message);
  char *text = hp_strdup("");
  for (size_t i = 0; i < count; i++) {
    char *longer = hp_printf("%s%s%s%s", text, i ? "|" : "", places[i].create ? "+" : "", places[i].path);
    free(places[i].path);
    free(text);
    text = longer;
  }
  ck_assert_str_eq(text, expected);
  free(text);
}

START_TEST(test_directories_bind) {
  assert_places(NULL, true, "C:\\hpc");
  assert_places("", true, "C:\\hpc");
  assert_places("c:/hpc/", true, "C:\\hpc");
  assert_places("C:\\", true, "C:\\|+C:\\hpc\\");
  assert_places("c:\\Windows\\\\", true, "c:\\Windows|+C:\\hpc\\Windows");
  assert_places("C:\\hpc\\bin/", true, "+C:\\hpc\\bin");
  assert_places("C:\\hpcs", true, "C:\\hpcs|+C:\\hpc\\hpcs");
  assert_places("bin", true, "+C:\\hpc\\bin");
  assert_places("/app", true, "C:\\app|+C:\\hpc\\app");
  assert_places("\\\\server\\share\\x", true, "\\\\server\\share\\x");
}
END_TEST

START_TEST(test_directories_symlink) {
  assert_places("C:\\", false, "C:\\hpc");
  assert_places("C:\\hpc", false, "C:\\hpc");
  assert_places("c:\\Windows", false, "C:\\hpc\\Windows|c:\\Windows|+C:\\hpc\\Windows");
  assert_places("bin", false, "+C:\\hpc\\bin");
}
END_TEST

START_TEST(test_directories_refuse) {
  static const char *const wrong[] = {"..", "a\\..\\..\\b", "C:\\hpc\\..\\Windows", "C:x", "C:"};
  struct hp_command_windows_directory places[HP_COMMAND_DIRECTORIES_MAX];
  size_t count;
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    ck_assert_msg(hp_command_windows_directories(wrong[i], true, &host, places, &count, &err) == -1, "%s",
                  wrong[i]);
    ck_assert_int_eq(err.code, HP_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.message, "process.cwd"));
    ck_assert_uint_eq(count, 0);
  }
}
END_TEST

/* ---- environment ---------------------------------------------------------------------------- */

START_TEST(test_environment) {
  struct hp_strings base =
      LIST("Path=C:\\Windows", "TEMP=C:\\T", "SystemRoot=C:\\Windows", "=C:=C:\\w", "user=u");
  struct hp_strings env =
      LIST("temp=D:\\t", "A_B=1", "AB=2", "broken", "=x", "Temp=%CONTAINER_SANDBOX_MOUNT_POINT%\\t",
           "container_sandbox_mount_point=lie");
  struct hp_strings expected = LIST(
      "AB=2", "A_B=1", "CONTAINER_SANDBOX_MOUNT_POINT=C:\\hpc",
      "Path=C:\\Windows;C:\\hpc;C:\\Windows\\System32\\WindowsPowerShell\\v1.0;C:\\Windows\\System32\\Wbem",
      "SystemRoot=C:\\Windows", "Temp=C:\\hpc\\t", "user=u");
  struct hp_strings out = {0};
  hp_command_windows_environment(&base, &env, &host, &out);
  ck_assert_uint_eq(out.count, expected.count);
  for (size_t i = 0; i < out.count; i++)
    ck_assert_str_eq(out.items[i], expected.items[i]);
  hp_strings_clear(&base);
  hp_strings_clear(&env);
  hp_strings_clear(&expected);
  hp_strings_clear(&out);
}
END_TEST

START_TEST(test_environment_has_what_windows_needs) {
  struct hp_strings nothing = {0}, out = {0};
  hp_command_windows_environment(&nothing, &nothing, &host, &out);
  ck_assert_uint_eq(out.count, 3);
  ck_assert(hp_strings_has(&out, "SYSTEMROOT=C:\\Windows"));
  ck_assert(strncmp(out.items[1], "PATH=C:\\Windows\\System32;C:\\Windows;C:\\hpc;", 43) == 0);
  hp_strings_clear(&out);
}
END_TEST

START_TEST(test_environment_of_a_program_without_a_container) {
  const struct hp_command_windows_host none = {NULL, "C:\\Windows"};
  struct hp_strings base = LIST("PATH=C:\\p", "SYSTEMROOT=C:\\Windows"),
                    env = LIST("X=$CONTAINER_SANDBOX_MOUNT_POINT"), out = {0};
  hp_command_windows_environment(&base, &env, &none, &out);
  ck_assert_uint_eq(out.count, 3);
  ck_assert_str_eq(out.items[0], "PATH=C:\\p");
  ck_assert_str_eq(out.items[2], "X=$CONTAINER_SANDBOX_MOUNT_POINT");
  hp_strings_clear(&base);
  hp_strings_clear(&env);
  hp_strings_clear(&out);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("spec/command_windows");
  TCase *test = tcase_create("command_windows");
  tcase_add_checked_fixture(test, set_up, tear_down);
  tcase_add_test(test, test_quote_round_trip);
  tcase_add_test(test, test_quote_all_short_words);
  tcase_add_test(test, test_quote_leaves_plain_words_alone);
  tcase_add_test(test, test_quote_refuses_a_program_with_a_quotation_mark);
  tcase_add_test(test, test_quote_length);
  tcase_add_test(test, test_words);
  tcase_add_test(test, test_words_are_bounded);
  tcase_add_test(test, test_batch);
  tcase_add_test(test, test_batch_refuses);
  tcase_add_test(test, test_batch_raw);
  tcase_add_test(test, test_candidates_of_a_name);
  tcase_add_test(test, test_candidates_with_an_extension);
  tcase_add_test(test, test_candidates_of_the_contract);
  tcase_add_test(test, test_candidates_of_an_absolute_path);
  tcase_add_test(test, test_candidates_stay_in_the_working_directory);
  tcase_add_test(test, test_candidates_of_nothing);
  tcase_add_test(test, test_candidates_are_bounded);
  tcase_add_test(test, test_directories_bind);
  tcase_add_test(test, test_directories_symlink);
  tcase_add_test(test, test_directories_refuse);
  tcase_add_test(test, test_environment);
  tcase_add_test(test, test_environment_has_what_windows_needs);
  tcase_add_test(test, test_environment_of_a_program_without_a_container);
  suite_add_tcase(suite, test);
  return hp_run_suite(suite);
}
