#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/nearest.h"
#include "spec/text.h"

struct flag {
  const char *name;
  const char **text; /* takes a value; else … */
  bool *on;          /* … is a switch */
};

static int refuse_unknown(const struct flag *flags, size_t count, const char *name) {
  struct hp_nearest nearest;
  hp_nearest_begin(&nearest, name);
  for (size_t i = 0; i < count; i++)
    hp_nearest_offer(&nearest, flags[i].name, strlen(flags[i].name));
  if (nearest.best)
    fprintf(stderr, HP_PROGRAM ": flag -%s is not known: did you mean -%s?\n", name, nearest.best);
  else
    fprintf(stderr,
            HP_PROGRAM
            ": flag -%s is not known: use -namespace, -address, -publish-binary, -id, -bundle, -socket, "
            "-debug, -info, -v or -help\n",
            name);
  return -1;
}

/* Go's ParseBool, which is what containerd's own shims read switches with. */
static int parse_switch(const char *name, const char *value, bool *on) {
  if (hp_text_bool(value, on))
    return 0;
  fprintf(stderr, HP_PROGRAM ": flag -%s has the value \"%s\": it is a switch, use -%s or -%s=false\n", name,
          value, name, name);
  return -1;
}

/* argv[*index] is a flag; a value that stands alone moves *index on to it. */
static int parse_flag(const struct flag *flags, size_t count, char **argv, int *index) {
  const char *name = argv[*index] + 1;
  if (name[0] == '-')
    name++;
  const char *equals = strchr(name, '=');
  size_t length = equals ? (size_t)(equals - name) : strlen(name);
  for (size_t i = 0; i < count; i++) {
    const struct flag *flag = &flags[i];
    if (strlen(flag->name) != length || strncmp(flag->name, name, length) != 0)
      continue;
    if (flag->on)
      return parse_switch(flag->name, equals ? equals + 1 : "true", flag->on);
    if (!equals && !argv[*index + 1]) {
      fprintf(stderr, HP_PROGRAM ": flag -%s needs a value: -%s VALUE\n", flag->name, flag->name);
      return -1;
    }
    *flag->text = equals ? equals + 1 : argv[++*index];
    return 0;
  }
  char spelled[64];
  snprintf(spelled, sizeof spelled, "%.*s", (int)(length < sizeof spelled ? length : sizeof spelled - 1),
           name);
  return refuse_unknown(flags, count, spelled);
}

int hp_flags_parse(int argc, char **argv, struct hp_flags *flags) {
  *flags = (struct hp_flags){0};
  const struct flag known[] = {
      {"namespace", &flags->namespace_name, NULL},
      {"address", &flags->address, NULL},
      {"publish-binary", &flags->publish_binary, NULL},
      {"id", &flags->id, NULL},
      {"bundle", &flags->bundle, NULL},
      {"socket", &flags->socket, NULL},
      {"debug", NULL, &flags->debug},
      {"v", NULL, &flags->version},
      {"version", NULL, &flags->version},
      {"info", NULL, &flags->info},
      {"h", NULL, &flags->help},
      {"help", NULL, &flags->help},
  };
  for (int i = 1; i < argc; i++) {
    if (argv[i][0] == '-' && argv[i][1]) {
      if (parse_flag(known, sizeof known / sizeof known[0], argv, &i) != 0)
        return -1;
    } else if (flags->verb) {
      fprintf(stderr, HP_PROGRAM ": both \"%s\" and \"%s\" are given: use one verb\n", flags->verb, argv[i]);
      return -1;
    } else {
      flags->verb = argv[i];
    }
  }
  return 0;
}
