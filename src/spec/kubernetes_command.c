/* command, args and env. kubelet replaces $(NAME) in them by what it knows of the
 * environment; $$ stands for one $. */
#include <stdlib.h>
#include <string.h>

#include "spec/kubernetes_read.h"

struct expander {
  struct hp_pod_container *container;
  struct hp_strings from; /* names whose values come from elsewhere */
  size_t *expanded;       /* bytes made so far */
};

static const char *value_of(const struct hp_strings *env, const char *name, size_t length) {
  for (size_t i = env->count; i > 0; i--)
    if (strncmp(env->items[i - 1], name, length) == 0 && env->items[i - 1][length] == '=')
      return env->items[i - 1] + length + 1;
  return NULL;
}

static void note_unknown(struct expander *expander, const char *name, size_t length) {
  char *text = hp_strndup(name, length);
  if (hp_strings_has(&expander->from, text))
    hp_strings_take(&expander->container->open,
                    hp_printf("$(%.64s) is replaced by what the cluster has for it", text));
  free(text);
}

struct piece { /* of text: copied as it is, or a value */
  const char *text;
  size_t length, taken; /* taken: of the input */
};

static struct piece next_piece(struct expander *expander, const char *in) {
  const char *end;
  if (in[0] != '$')
    return (struct piece){in, 1, 1};
  if (in[1] == '$')
    return (struct piece){in, 1, 2};
  if (in[1] != '(' || !(end = strchr(in + 2, ')')))
    return (struct piece){in, 1, 1};
  size_t length = (size_t)(end - in - 2);
  const char *value = value_of(&expander->container->spec.process.env, in + 2, length);
  if (value)
    return (struct piece){value, strlen(value), length + 3};
  note_unknown(expander, in + 2, length);
  return (struct piece){in, length + 3, length + 3};
}

/* NULL: more than the bound; err says so. */
static char *expand(struct expander *expander, const char *text, struct hp_error *err) {
  size_t length = 0, room = strlen(text) + 1;
  char *out = hp_alloc(room);
  while (*text) {
    struct piece piece = next_piece(expander, text);
    if (piece.length > HP_PODS_EXPANDED_MAX - *expander->expanded) {
      free(out);
      hp_error_set(err, HP_INVALID_ARGUMENT,
                   "command, args and env have more than %u bytes when $(NAME) is replaced: make "
                   "them shorter",
                   HP_PODS_EXPANDED_MAX);
      return NULL;
    }
    *expander->expanded += piece.length;
    if (length + piece.length + strlen(text) + 1 > room) {
      room = 2 * (length + piece.length + strlen(text)) + 1;
      out = hp_realloc_array(out, room, 1);
    }
    memcpy(out + length, piece.text, piece.length);
    length += piece.length;
    text += piece.taken;
  }
  out[length] = 0;
  return out;
}

static int read_variable(struct expander *expander, const struct hp_json *at, struct hp_error *err) {
  struct hp_json name = hp_json_at(at, "name"), value = hp_json_at(at, "value");
  const char *text = json_string_value(name.value);
  if (!json_is_object(at->value))
    return hp_json_refuse(at, err, "an object");
  if (!text || !*text || strchr(text, '='))
    return hp_json_refuse(&name, err, "the name of a variable");
  if (value.value && !json_is_string(value.value))
    return hp_json_refuse(&value, err, "a string (write it in quotes)");
  if (!value.value && hp_json_at(at, "valueFrom").value) {
    hp_strings_add(&expander->from, text);
    return 0;
  }
  char *expanded = expand(expander, value.value ? json_string_value(value.value) : "", err);
  if (!expanded)
    return -1;
  hp_strings_take(&expander->container->spec.process.env, hp_printf("%s=%s", text, expanded));
  free(expanded);
  return 0;
}

static int read_environment(struct expander *expander, const struct hp_json *container,
                            struct hp_error *err) {
  struct hp_json env = hp_json_at(container, "env"), from = hp_json_at(container, "envFrom");
  if (hp_json_array(env, err) != 0 || hp_json_array(from, err) != 0)
    return -1;
  if (hp_json_count(&env) > HP_PODS_VOLUMES_MAX)
    return hp_json_refuse(&env, err, "a list of at most 1024");
  if (hp_json_count(&from) > 0)
    hp_strings_add(&expander->container->open, "envFrom: the cluster has the variables");
  for (size_t i = 0; i < hp_json_count(&env); i++) {
    struct hp_json at = hp_json_element(&env, i);
    if (read_variable(expander, &at, err) != 0)
      return -1;
  }
  return 0;
}

static int add_words(struct expander *expander, struct hp_json at, struct hp_error *err) {
  struct hp_strings words = {0};
  int result = hp_json_strings(at, &words, err);
  for (size_t i = 0; i < words.count && result == 0; i++) {
    char *expanded = expand(expander, words.items[i], err);
    result = expanded ? 0 : -1;
    if (expanded)
      hp_strings_take(&expander->container->spec.process.args, expanded);
  }
  hp_strings_clear(&words);
  return result;
}

int hp_pod_command_read(const struct hp_json *container, size_t *expanded, struct hp_pod_container *out,
                        struct hp_error *err) {
  struct expander expander = {.container = out, .expanded = expanded};
  struct hp_json command = hp_json_at(container, "command");
  int result = read_environment(&expander, container, err);
  if (result == 0)
    result = add_words(&expander, command, err);
  if (result == 0 && hp_json_count(&command) == 0) {
    out->spec.image_program = true;
    hp_strings_add(&out->open, "command is absent: the program is the image's ENTRYPOINT");
  }
  if (result == 0)
    result = add_words(&expander, hp_json_at(container, "args"), err);
  hp_strings_clear(&expander.from);
  return result;
}
