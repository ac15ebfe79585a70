/* The rules for the program and the account that it runs as. */
#include "spec/allow.h"
#include "spec/rule.h"

int hp_rule_process(const struct hp_rule_subject *subject, struct hp_error *err) {
  return subject->spec->has_process
             ? 0
             : hp_error_set(err, HP_INVALID_ARGUMENT, "process is absent: give it args");
}

int hp_rule_program(const struct hp_rule_subject *subject, struct hp_error *err) {
  const struct hp_process_spec *process = &subject->spec->process;
  if (!subject->spec->has_process || subject->spec->image_program)
    return 0; /* the former is another rule's */
  bool has_line = subject->os == HP_OS_WINDOWS && process->command_line && process->command_line[0];
  if (has_line || (process->args.count > 0 && process->args.items[0][0]))
    return 0;
  return hp_error_set(err, HP_INVALID_ARGUMENT,
                      "process.args names no program: set command or args of the container");
}

int hp_rule_run_as_user_name(const struct hp_rule_subject *subject, struct hp_error *err) {
  const struct hp_container_spec *spec = subject->spec;
  if (spec->inherit_user == HP_TRUE)
    subject->account->kind = HP_ACCOUNT_INHERIT;
  else if (subject->os == HP_OS_LINUX && !spec->process.username)
    subject->account->kind = HP_ACCOUNT_NUMERIC;
  else
    return hp_account_parse(subject->os, spec->process.username, subject->account, err);
  return 0;
}

int hp_rule_policy_inherit(const struct hp_rule_subject *subject, struct hp_error *err) {
  return hp_allow_inherit(subject->policy, subject->account, err);
}

int hp_rule_policy_accounts(const struct hp_rule_subject *subject, struct hp_error *err) {
  bool numeric = subject->os == HP_OS_LINUX && !subject->spec->process.username;
  if (subject->account->kind == HP_ACCOUNT_NUMERIC && !numeric)
    return 0; /* no account: runAsUserName has been refused */
  return hp_allow_account(subject->policy, subject->account, &subject->spec->process, err);
}
