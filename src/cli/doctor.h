/* What `doctor` has found: one list, which its parts add to. */
#ifndef HP_CLI_DOCTOR_H
#define HP_CLI_DOCTOR_H

#include <jansson.h>

#include "host/host.h"

struct hp_doctor {
  json_t *findings; /* {"check", "status", "text", "remedy"?} */
  size_t warnings, problems;
};

/* remedy is said of what is not HOST_OK. A host_say, with the doctor as arg. */
void hp_doctor_say(void *doctor, enum host_health health, const char *check, const char *remedy,
                   const char *text);
/* The same, and frees the text. */
void hp_doctor_take(struct hp_doctor *doctor, enum host_health health, const char *check, const char *remedy,
                    char *text);

/* containerd's configuration: file, or NULL for the system's own. (doctor_config.c) */
void hp_doctor_config(struct hp_doctor *doctor, const char *file);
/* The text of such a file, for tests. */
void hp_doctor_config_text(struct hp_doctor *doctor, const char *file, const char *text, size_t length);

#define HP_DOCTOR_TYPE "io.containerd.hostprocess.v1"
#define HP_DOCTOR_ANNOTATIONS "microsoft.com/*"
/* The table of one runtime of that name, which is ours. (doctor_runtime.c) */
void hp_doctor_runtime(struct hp_doctor *doctor, const char *name, const json_t *runtime);

#define HP_DOCTOR_CONFIG_MAX (4u << 20) /* bytes of a file */
/* The configurations that file's imports lead to, each by its path; null: it could not
 * be read, which is said. Owned by the caller. (doctor_imports.c) */
json_t *hp_doctor_imports(struct hp_doctor *doctor, const char *file, const json_t *config);

/* Go's path.Match: * and ? take no slash, a malformed pattern nothing. (doctor_pattern.c) */
bool hp_doctor_matches(const char *pattern, const char *name);

/* Whether the path is a file that this account may run. (doctor.c) */
bool hp_doctor_runs(const char *path);

/* A node policy: path, or NULL for the one that counts where options name none. (doctor.c) */
void hp_doctor_policy(struct hp_doctor *doctor, const char *path);

#endif
