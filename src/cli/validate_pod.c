/* A pod and its containers before the judge. */
#include <stdlib.h>

#include "base/utf8.h"
#include "cli/validate.h"

json_t *hp_entry_text(const char *text) {
  json_t *sentence = json_string(text);
  if (sentence)
    return sentence;
  char *printable = hp_utf8_printable(text);
  sentence = json_string(printable);
  free(printable);
  return sentence;
}

void hp_entry_say(json_t *entry, const char *list, char *sentence) {
  json_t *sentences = json_object_get(entry, list);
  if (!sentences) {
    sentences = json_array();
    json_object_set_new(entry, list, sentences);
  }
  json_array_append_new(sentences, hp_entry_text(sentence));
  free(sentence);
}

void hp_entry_refuse(json_t *entry, const char *rule, const char *message) {
  json_t *refusals = json_object_get(entry, "refusals");
  if (!refusals) {
    refusals = json_array();
    json_object_set_new(entry, "refusals", refusals);
  }
  json_array_append_new(refusals, json_pack("{s:s, s:o}", "rule", rule, "message", hp_entry_text(message)));
}

static void say_all(json_t *entry, const char *list, const struct hp_strings *sentences) {
  for (size_t i = 0; i < sentences->count; i++)
    hp_entry_say(entry, list, hp_strdup(sentences->items[i]));
}

static void settle(json_t *entry) {
  bool refused = json_object_get(entry, "refusals") != NULL ||
                 hp_validate_worst(json_object_get(entry, "containers")) != HP_VALIDATE_ACCEPTED;
  json_object_set_new(entry, "verdict",
                      json_string(hp_validate_verdict(refused ? HP_VALIDATE_REFUSED : HP_VALIDATE_ACCEPTED)));
}

/* The verdict, to be cleared, is empty where it is refused. */
static int judge(const struct hp_policy *policy, enum hp_os os, const struct hp_container_spec *sandbox,
                 struct hp_container_spec *spec, struct hp_verdict *verdict, json_t *entry) {
  struct hp_refusals refusals;
  int result = hp_rules_judge_all(os, policy, sandbox, spec, verdict, &refusals);
  for (size_t i = 0; i < refusals.rules.count; i++)
    hp_entry_refuse(entry, refusals.rules.items[i], refusals.messages.items[i]);
  say_all(entry, "warnings", &verdict->warnings);
  hp_refusals_clear(&refusals);
  return result;
}

static json_t *named(const char *name, size_t line) {
  json_t *entry = json_object();
  if (name)
    json_object_set_new(entry, "name", json_string(name));
  if (line > 0)
    json_object_set_new(entry, "line", json_integer((json_int_t)line));
  json_object_set_new(entry, "verdict", json_null()); /* where it is to stand */
  return entry;
}

/* Where nobody knows the node's processors the policy's maximum is compared on a
 * node of ten for each ten that are asked for, where a thousandth is a whole step. */
static void settle_cpu(struct hp_pod_container *container, struct hp_policy *policy) {
  int64_t millis = container->cpu_millis.value;
  if (!container->cpu_millis.set)
    return;
  if (policy->processors == 0) {
    int64_t tens = millis < 100000000 ? (millis + 9999) / 10000 : 10000;
    policy->processors = 10 * (unsigned)tens;
    hp_strings_take(&container->open,
                    hp_printf("resources.limits.cpu is %lld thousandths of a processor: the "
                              "limit is their share of all of the node's",
                              (long long)millis));
  }
  container->spec.limits.cpu_maximum = (struct hp_number){true, hp_cpu_maximum(millis, policy->processors)};
}

static json_t *judge_container(const struct hp_validate *validate, enum hp_os os,
                               const struct hp_container_spec *sandbox, struct hp_pod_container *container) {
  static const char *const types[] = {"container", "init", "ephemeral"};
  json_t *entry = named(container->name, container->line);
  struct hp_verdict verdict;
  json_object_set_new(entry, "type", json_string(types[container->kind]));
  struct hp_policy policy = validate->policy; /* all but a number is borrowed */
  settle_cpu(container, &policy);
  int result = judge(&policy, os, sandbox, &container->spec, &verdict, entry);
  say_all(entry, "warnings", &container->warnings);
  say_all(entry, "open", &container->open);
  if (result == 0) {
    const struct hp_outcome outcome = {os, &validate->policy, container, &verdict};
    hp_node_ask(validate, &outcome, entry);
    hp_outcome_add(entry, &outcome);
  }
  settle(entry);
  hp_verdict_clear(&verdict);
  return entry;
}

static json_t *new_pod(enum hp_os os, const char *kind, const char *name, size_t line) {
  json_t *entry = json_pack("{s:s}", "kind", kind), *rest = named(name, line);
  json_object_update(entry, rest);
  json_decref(rest);
  json_object_set_new(entry, "os", json_string(os == HP_OS_WINDOWS ? "windows" : "linux"));
  return entry;
}

json_t *hp_validate_refused(enum hp_os os, const char *kind, const char *name, size_t line,
                            const char *message) {
  json_t *entry = new_pod(os, kind, name, line);
  hp_entry_refuse(entry, "form", message);
  json_object_set_new(entry, "containers", json_array());
  settle(entry);
  return entry;
}

json_t *hp_validate_pod(const struct hp_validate *validate, enum hp_os os, struct hp_pod_spec *pod,
                        const struct hp_container_spec *sandbox) {
  json_t *entry = new_pod(os, pod->kind, pod->name, pod->line), *containers = json_array();
  if (pod->namespace_name)
    json_object_set_new(entry, "namespace", json_string(pod->namespace_name));
  say_all(entry, "warnings", &pod->warnings);
  say_all(entry, "open", &pod->open);
  if (sandbox == &pod->sandbox) {
    struct hp_verdict verdict;
    if (judge(&validate->policy, os, NULL, &pod->sandbox, &verdict, entry) == 0)
      hp_node_ask_network(validate, os, &pod->sandbox, entry);
    hp_verdict_clear(&verdict);
  }
  for (size_t i = 0; i < pod->container_count; i++)
    json_array_append_new(containers, judge_container(validate, os, sandbox, &pod->containers[i]));
  json_object_set_new(entry, "containers", containers);
  settle(entry);
  return entry;
}
