/* The log's one line for each change of a container's state, at info. An exec's
 * are at debug, since a probe is an exec and comes every few seconds; that it
 * ended by itself with a status other than 0 is told at info. All (loop). */
#ifndef HP_RUNTIME_STATE_LOG_H
#define HP_RUNTIME_STATE_LOG_H

#include "runtime/container.h"

void hp_log_state(const struct hp_process *process, enum hp_event_kind kind);
/* A Kill that is about to be carried out. */
void hp_log_signal(const struct hp_process *process, uint32_t signal, bool all);

/* Whom the container runs as, in the words of its config.json. Owned. (any) */
char *hp_log_account(const struct hp_account *account, const struct hp_process_spec *process);

#endif
