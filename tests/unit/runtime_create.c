/* Create on the real host, or on winsim: whatever `validate --on-this-node`
 * accepts can be created, and released wholly; whatever it refuses is refused by
 * Create for a reason that it named, and has made nothing. With specifications
 * that are made up: GENERATED_SPECS says how many, GENERATED_SEED from where, and
 * GENERATED_ONLY which of them alone is tried. */
#include "runtime/pod.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/validate.h"
#include "generated_spec.h"
#include "host/ledger.h"
#include "spec/cri.h"
#include "support.h"

#if defined(_WIN32)
#include "generated_host_windows.h"
#else
#include "generated_host_linux.h"
#endif

#define CONTAINERS 300
#define PODS 200
#define PATIENCE_NS (60ull * 1000 * 1000 * 1000)

static uv_loop_t loop;
static struct hp_pod *pod;
static struct generator generator;

static char *in_scratch_directory(const char *name) {
  return hp_printf("%s/%s", generator.scratch, name);
}

/* ---- what is there ------------------------------------------------------------- */

static void list_claims(struct hp_strings *lines) {
  struct hp_error err = HP_ERROR_INIT;
  json_t *claims = NULL;
  ck_assert_int_eq(hp_ledger_read(&claims, &err), 0);
  for (size_t i = 0; i < json_array_size(claims); i++)
    hp_strings_take(lines, json_dumps(json_array_get(claims, i), JSON_COMPACT));
  json_decref(claims);
}

/* Everything that a Create could have made, as text. */
static char *snapshot(void) {
  struct hp_strings lines = {0};
  char *text = hp_strdup("");
  generator_list(&generator, &lines);
  generated_host_list(&generator, &lines);
  list_claims(&lines);
  for (size_t i = 0; i < lines.count; i++) {
    char *longer = hp_printf("%s%s\n", text, lines.items[i]);
    free(text);
    text = longer;
  }
  hp_strings_clear(&lines);
  return text;
}

/* ---- the pod -------------------------------------------------------------------- */

struct answer {
  bool there;
  char *message; /* NULL: success */
  enum hp_code code;
};

static void take(struct answer *answer, const struct hp_error *err) {
  ck_assert(!answer->there);
  *answer = (struct answer){.there = true};
  if (err) {
    answer->message = hp_strdup(err->message);
    answer->code = err->code;
  }
}

static void on_created(void *arg, uint32_t pid, const struct hp_error *err) {
  (void)pid;
  take(arg, err);
}

static void on_deleted(void *arg, const struct hp_exit *exited, const struct hp_error *err) {
  (void)exited;
  take(arg, err);
}

static void observe(void *arg, const struct hp_event *event) {
  (void)arg;
  (void)event;
}

static void tick(uv_timer_t *timer) {
  (void)timer;
}

/* Turns the loop until the answer is there, and no operation is under way. */
static void wait_for(const struct answer *answer) {
  uv_timer_t timer;
  uint64_t end = uv_hrtime() + PATIENCE_NS;
  uv_timer_init(&loop, &timer);
  uv_timer_start(&timer, tick, 1000, 1000);
  while (!answer->there && uv_hrtime() < end)
    uv_run(&loop, UV_RUN_ONCE);
  uv_close((uv_handle_t *)&timer, NULL);
  uv_run(&loop, UV_RUN_NOWAIT);
  ck_assert_msg(answer->there, "no answer came");
}

/* sandbox, if any, is taken. */
static struct answer create(const char *id, const char *directory, struct hp_container_spec *sandbox) {
  struct answer answer = {0};
  char *bundle = in_scratch_directory(directory);
  char *policy = in_scratch_directory("policy.json");
  const struct hp_create_request request = {
      .id = id, .bundle = bundle, .option_path = policy, .sandbox = sandbox};
  hp_pod_create(pod, &request, on_created, &answer);
  wait_for(&answer);
  free(policy);
  free(bundle);
  return answer;
}

static void on_removed(void *arg, const struct hp_error *err) {
  take(arg, err);
}

static struct answer delete (const char *id) {
  struct answer answer = {0};
  struct hp_sandbox_state state;
  struct hp_error err = HP_ERROR_INIT;
  if (hp_pod_sandbox_state(pod, id, &state, &err) == 0)
    hp_pod_sandbox_remove(pod, id, on_removed, &answer);
  else
    hp_pod_delete(pod, id, NULL, on_deleted, &answer);
  hp_error_clear(&err);
  wait_for(&answer);
  return answer;
}

/* ---- what validate says ------------------------------------------------------------ */

/* Of the one file: its error, or what refuses its pod or container. */
static struct hp_strings refusals_of(const json_t *file) {
  struct hp_strings messages = {0};
  const json_t *pod_entry = json_array_get(json_object_get(file, "pods"), 0);
  const json_t *container = json_array_get(json_object_get(pod_entry, "containers"), 0);
  const json_t *const lists[] = {json_object_get(pod_entry, "refusals"),
                                 json_object_get(container, "refusals")};
  const char *error = json_string_value(json_object_get(file, "error"));
  if (error)
    hp_strings_add(&messages, error);
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
    for (size_t j = 0; j < json_array_size(lists[i]); j++)
      hp_strings_add(&messages, json_string_value(json_object_get(json_array_get(lists[i], j), "message")));
  return messages;
}

static struct hp_validate on_this_node(void) {
  struct hp_validate validate = {.has_os = true, .os = hp_os_here(), .on_this_node = true};
  struct hp_error err = HP_ERROR_INIT;
  char *path = in_scratch_directory("policy.json");
  ck_assert_int_eq(hp_policy_read(path, NULL, &validate.policy, &err), 0);
  free(path);
  validate.policy.processors = host_processors();
  return validate;
}

static struct hp_strings validate(const char *config) {
  struct hp_validate judge = on_this_node();
  json_t *file = hp_validate_bytes(&judge, "config.json", config, strlen(config));
  struct hp_strings messages = refusals_of(file);
  ck_assert_int_eq(messages.count == 0,
                   strcmp(json_string_value(json_object_get(file, "verdict")), "accepted") == 0);
  json_decref(file);
  hp_validate_clear(&judge);
  return messages;
}

/* As one of a pod's containers; sandbox NULL: Create would know of none. */
static struct hp_strings validate_member(const char *config, const struct hp_container_spec *sandbox,
                                         bool served) {
  struct hp_validate judge = on_this_node();
  struct hp_pod_container container = {0};
  struct hp_error err = HP_ERROR_INIT;
  json_t *file = json_object();
  if (hp_spec_parse(config, strlen(config), NULL, &container.spec, &err) != 0) {
    json_object_set_new(file, "error", json_string(err.message));
  } else {
    const struct hp_container_spec *spec = &container.spec;
    bool belongs = served || (spec->role == HP_ROLE_MEMBER && sandbox->role == HP_ROLE_SANDBOX);
    struct hp_pod_spec of_one = {
        .kind = (char *)(uintptr_t) "config.json", .containers = &container, .container_count = 1};
    json_object_set_new(
        file, "pods",
        json_pack("[o]", hp_validate_pod(&judge, hp_os_here(), &of_one, belongs ? sandbox : NULL)));
  }
  struct hp_strings messages = refusals_of(file);
  json_decref(file);
  hp_spec_clear(&container.spec);
  hp_error_clear(&err);
  hp_validate_clear(&judge);
  return messages;
}

/* For what is no JSON the two have names of their own. */
static const char *without_name(const char *message) {
  const char *rest = strstr(message, " is not valid JSON");
  return rest ? rest : message;
}

static bool is_among(const char *message, const struct hp_strings *messages) {
  for (size_t i = 0; i < messages->count; i++)
    if (strcmp(without_name(messages->items[i]), without_name(message)) == 0)
      return true;
  return false;
}

/* ---- one specification --------------------------------------------------------------- */

static unsigned number, accepted, refused, disagreements;

static void say(const char *what, const char *config, const char *message,
                const struct hp_strings *messages) {
  disagreements++;
  fprintf(stderr, "specification %u: %s\n  %s\n  Create: %s\n", number, what, config,
          message ? message : "success");
  for (size_t i = 0; i < messages->count; i++)
    fprintf(stderr, "  validate: %s\n", messages->items[i]);
}

static void expect_same(const char *when, const char *config, const char *before) {
  char *after = snapshot();
  if (strcmp(before, after) != 0) {
    disagreements++;
    fprintf(stderr, "specification %u: %s\n  %s\nbefore:\n%s\nafter:\n%s\n", number, when, config, before,
            after);
  }
  free(after);
}

static void put_text(const char *name, const char *text) {
  char *path = in_scratch_directory(name);
  unit_write(path, text, strlen(text));
  free(path);
}

/* Takes messages and created; whether it was created. */
static bool compare(const char *config, struct hp_strings *messages, struct answer *created) {
  bool right = messages->count == 0, made = !created->message;
  right ? accepted++ : refused++;
  if (!right && made)
    say("refused, and created", config, NULL, messages);
  if (!made && !generator.late) {
    if (right)
      say("accepted, and not created", config, created->message, messages);
    else if (!is_among(created->message, messages))
      say("refused for another reason", config, created->message, messages);
    if (created->code != HP_INVALID_ARGUMENT && created->code != HP_FAILED_PRECONDITION)
      say("refused with another code", config, created->message, messages);
  }
  free(created->message);
  hp_strings_clear(messages);
  return made;
}

static void expect_deleted(const char *id, const char *config) {
  const struct hp_strings none = {0};
  struct answer deleted = delete (id);
  if (deleted.message)
    say("not deleted", config, deleted.message, &none);
  free(deleted.message);
}

/* ---- a container alone, and pods ------------------------------------------------------- */

/* Takes messages, the verdict; before: what was there until it was asked for. */
static void create_and_delete(const char *id, const char *directory, const char *config,
                              struct hp_strings *messages, const char *before) {
  bool right = messages->count == 0;
  expect_same("validate has made something", config, before);
  struct answer created = create(id, directory, NULL);
  if (compare(config, messages, &created))
    expect_deleted(id, config);
  else if (!right)
    expect_same("what is refused has made something", config, before);
}

static void try_container(void) {
  char *id = hp_printf("c%u", number), *config = generate_config(&generator, HP_ROLE_SINGLE);
  put_text("bundle/config.json", config);
  char *before = snapshot();
  struct hp_strings messages = validate(config);
  create_and_delete(id, "bundle", config, &messages, before);
  free(before);
  free(config);
  free(id);
}

/* What is wrong late in the sandbox may be handed on. */
static void try_member(const struct hp_container_spec *sandbox, bool served) {
  bool late = generator.late;
  char *id = hp_printf("m%u", number), *config = generate_config(&generator, HP_ROLE_MEMBER);
  generator.late |= late;
  put_text("member/config.json", config);
  char *before = snapshot();
  struct hp_strings messages = validate_member(config, sandbox, served);
  create_and_delete(id, "member", config, &messages, before);
  free(before);
  free(config);
  free(id);
}

/* A sandbox of either kind, and a container in it. */
static void try_pod(void) {
  bool served = generator_pick(&generator, 2) == 0;
  char *config = served ? generate_pod_config(&generator) : generate_config(&generator, HP_ROLE_SANDBOX);
  struct hp_strings messages = validate(config);
  struct hp_container_spec sandbox, taken;
  struct hp_error err = HP_ERROR_INIT;
  int result = served ? hp_cri_pod_parse(config, strlen(config), NULL, &sandbox, &err)
                      : hp_spec_parse(config, strlen(config), NULL, &sandbox, &err);
  if (served && result == 0)
    ck_assert_int_eq(hp_cri_pod_parse(config, strlen(config), NULL, &taken, &err), 0);
  put_text("bundle/config.json", config);
  struct answer created = {.message = err.message ? hp_strdup(err.message) : NULL, .code = err.code};
  if (!served || result == 0) {
    free(created.message);
    created = create("sandbox", "bundle", served ? &taken : NULL);
  }
  if (compare(config, &messages, &created)) {
    try_member(&sandbox, served);
    expect_deleted("sandbox", config);
  }
  if (result == 0)
    hp_spec_clear(&sandbox);
  hp_error_clear(&err);
  free(config);
}

static unsigned number_from(const char *variable, unsigned otherwise) {
  const char *text = getenv(variable);
  return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

/* The files of a specification come and go with it: what a container's mounts
 * leave in them by contract (mount points in the image and in what is mounted)
 * is theirs. */
static void with_files(void (*try_one)(void)) {
  generator_lay_out(&generator);
  generated_host_prepare(&generator);
  char *policy = generate_policy(&generator);
  put_text("policy.json", policy);
  free(policy);
  try_one();
  generator_clear_away(&generator);
}

static void try_many(void (*try_one)(void), unsigned count) {
  unsigned only = number_from("GENERATED_ONLY", UINT_MAX);
  count = number_from("GENERATED_SPECS", count);
  char *before = snapshot();
  for (number = 0; number < count; number++) {
    generator.state = number_from("GENERATED_SEED", 1) + ((uint64_t)number << 32);
    if (only != UINT_MAX && number != only)
      continue;
    with_files(try_one);
    expect_same("something is left", "", before);
    ck_assert(hp_pod_empty(pod));
  }
  free(before);
  printf("%u accepted, %u refused\n", accepted, refused);
  ck_assert_uint_eq(disagreements, 0);
  if (only == UINT_MAX) {
    ck_assert_uint_ge(accepted, count / 6);
    ck_assert_uint_ge(refused, count / 6);
  }
}

START_TEST(every_verdict_on_a_container_holds) {
  try_many(try_container, CONTAINERS);
}
END_TEST

START_TEST(every_verdict_on_a_pod_holds) {
  try_many(try_pod, PODS);
}
END_TEST

/* Once a program: threads of libuv's pool stay where they were started. */
static void enter_host(void) {
  generator.os = hp_os_here();
  generated_host_enter(&generator);
}

static void leave_host(void) {
  generated_host_leave(&generator);
}

static void enter(void) {
  struct hp_error err = HP_ERROR_INIT;
  accepted = refused = disagreements = 0;
  hp_log_set_sink(NULL, NULL);
  ck_assert_int_eq(uv_loop_init(&loop), 0);
  ck_assert_int_eq(host_reaper_start(&loop, &err), 0);
  char *namespace_name = hp_printf("generated-%s", generator.token);
  pod = hp_pod_new(&loop, namespace_name, NULL, observe, NULL);
  free(namespace_name);
}

static void leave(void) {
  hp_pod_free(pod);
  host_reaper_stop();
  ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
  ck_assert_int_eq(uv_loop_close(&loop), 0);
}

int main(void) {
  const char *missing = generated_host_missing();
  if (missing) {
    printf("skipped: %s\n", missing);
    return EXIT_SUCCESS;
  }
  Suite *suite = suite_create("runtime/create");
  TCase *tests = tcase_create("create");
  tcase_add_unchecked_fixture(tests, enter_host, leave_host);
  tcase_add_checked_fixture(tests, enter, leave);
  tcase_set_timeout(tests, 280);
  tcase_add_test(tests, every_verdict_on_a_container_holds);
  tcase_add_test(tests, every_verdict_on_a_pod_holds);
  suite_add_tcase(suite, tests);
  return hp_run_suite(suite);
}
