/* `validate`: what would become of a file's containers, without a cluster. It is
 * all gathered as one JSON document (docs/validate.schema.json), which is printed
 * as it is or as text. One thread, no loop. */
#ifndef HP_CLI_VALIDATE_H
#define HP_CLI_VALIDATE_H

#include <jansson.h>
#include <stdio.h>

#include "spec/kubernetes.h"
#include "spec/rules.h"

enum hp_validate_status { HP_VALIDATE_ACCEPTED = 0, HP_VALIDATE_REFUSED = 1, HP_VALIDATE_UNREADABLE = 2 };

struct hp_validate {
  bool has_os;
  enum hp_os os; /* --os */
  bool on_this_node;
  struct hp_policy policy;
  /* The last PodSandboxConfig that was read: the pod of the ContainerConfigs after it. */
  bool has_pod;
  struct hp_container_spec pod;
};

/* One file of the report; file is what it is called. The caller owns it. (validate_file.c) */
json_t *hp_validate_bytes(struct hp_validate *validate, const char *file, const char *data, size_t length);
/* The same for one that could not be read at all. */
json_t *hp_validate_unreadable(const char *file, const struct hp_error *err);
/* The worst of the files, each of which is taken over. */
json_t *hp_validate_report(json_t *files);
const char *hp_validate_verdict(enum hp_validate_status status);
enum hp_validate_status hp_validate_worst(const json_t *entries);
enum hp_validate_status hp_validate_status(const json_t *report);
void hp_validate_clear(struct hp_validate *validate);

/* A pod as an entry of the report. sandbox: of its containers, NULL if they have
 * none; it is judged too if it is the pod's own. All are judged as Create judges
 * them, which hands annotations on to the containers. (validate_pod.c) */
json_t *hp_validate_pod(const struct hp_validate *validate, enum hp_os os, struct hp_pod_spec *pod,
                        const struct hp_container_spec *sandbox);

/* The entry of a pod or a config one of whose fields cannot be read; name may be NULL,
 * line 0. */
json_t *hp_validate_refused(enum hp_os os, const char *kind, const char *name, size_t line,
                            const char *message);

/* What comes out of an accepted container, as further members of its entry.
 * (validate_outcome.c) */
struct hp_outcome {
  enum hp_os os;
  const struct hp_policy *policy;
  const struct hp_pod_container *container;
  const struct hp_verdict *verdict;
};
void hp_outcome_add(json_t *entry, const struct hp_outcome *outcome);
/* … of which the limits and the program are files of their own. */
json_t *hp_outcome_limits(const struct hp_outcome *outcome);
json_t *hp_outcome_program(const struct hp_outcome *outcome, const char *volume, json_t *warnings);
json_t *hp_outcome_directories(const struct hp_outcome *outcome, const char *volume, bool bind,
                               json_t *warnings);

/* The questions that only the node can answer: put to this one, or listed in
 * "open". What it refuses is added to "refusals". (validate_node.c) */
void hp_node_ask(const struct hp_validate *validate, const struct hp_outcome *outcome, json_t *entry);
/* The one of them that is a sandbox's, too. */
void hp_node_ask_network(const struct hp_validate *validate, enum hp_os os,
                         const struct hp_container_spec *spec, json_t *entry);

/* For people. (validate_text.c) */
void hp_validate_print(FILE *out, const json_t *report);

/* JSON's string of a text, in which a long value may be cut in the midst of a character. */
json_t *hp_entry_text(const char *text);
/* Lists of sentences in an entry. */
void hp_entry_say(json_t *entry, const char *list, char *sentence); /* takes sentence */
void hp_entry_refuse(json_t *entry, const char *rule, const char *message);

#endif
