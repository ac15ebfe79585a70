#include "spec/yaml.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "spec/yaml_library.h"

struct extent { /* with aliases counted as what they stand for */
  size_t values, bytes;
};

struct anchor {
  char *name;
  json_t *value; /* owned */
  struct extent extent;
  bool open; /* its end has not been seen */
};

struct frame {           /* a mapping or sequence whose end has not been seen */
  json_t *value;         /* owned until it is attached */
  json_t *merged;        /* what << brought; NULL: nothing */
  char *key;             /* the next value's; NULL: a key comes */
  bool merging;          /* the next value is that of << */
  struct anchor *anchor; /* NULL: none */
  struct extent before;
};

struct builder {
  const char *what;
  struct hp_yaml *yaml;
  struct frame frames[HP_YAML_DEPTH_MAX];
  size_t depth;
  struct anchor anchors[HP_YAML_ANCHORS_MAX];
  size_t anchor_count;
  struct extent total;
  size_t line_room;
  const yaml_mark_t *mark; /* of the event at hand */
  struct hp_error *err;
};

static int refuse(struct builder *builder, const char *rule) {
  return hp_error_set(builder->err, HP_INVALID_ARGUMENT, "%s, line %zu: %s", builder->what,
                      builder->mark->line + 1, rule);
}

static int count(struct builder *builder, struct extent more) {
  builder->total.values += more.values;
  builder->total.bytes += more.bytes;
  if (builder->total.values > HP_YAML_VALUES_MAX)
    return hp_error_set(builder->err, HP_INVALID_ARGUMENT,
                        "%s, line %zu: more than %u values (aliases counted as what they stand for): make it "
                        "smaller",
                        builder->what, builder->mark->line + 1, HP_YAML_VALUES_MAX);
  if (builder->total.bytes > HP_YAML_EXPANDED_MAX)
    return hp_error_set(
        builder->err, HP_INVALID_ARGUMENT,
        "%s, line %zu: more than %u bytes of text (aliases counted as what they stand for): make "
        "it smaller",
        builder->what, builder->mark->line + 1, HP_YAML_EXPANDED_MAX);
  return 0;
}

/* ---- anchors ---------------------------------------------------------------- */

static void forget_anchors(struct builder *builder) { /* they end with their document */
  for (size_t i = 0; i < builder->anchor_count; i++) {
    free(builder->anchors[i].name);
    json_decref(builder->anchors[i].value);
  }
  builder->anchor_count = 0;
}

static struct anchor *find_anchor(struct builder *builder, const char *name) {
  for (size_t i = builder->anchor_count; i > 0; i--) /* the latest of a name counts */
    if (strcmp(builder->anchors[i - 1].name, name) == 0)
      return &builder->anchors[i - 1];
  return NULL;
}

/* *anchor: NULL where name is. */
static int open_anchor(struct builder *builder, const char *name, struct anchor **anchor) {
  *anchor = NULL;
  if (!name)
    return 0;
  if (builder->anchor_count == HP_YAML_ANCHORS_MAX)
    return refuse(builder, "more than 256 anchors are in one document: use fewer");
  *anchor = &builder->anchors[builder->anchor_count++];
  **anchor = (struct anchor){.name = hp_strdup(name), .open = true};
  return 0;
}

static void close_anchor(struct anchor *anchor, json_t *value, struct extent extent) {
  if (!anchor)
    return;
  anchor->value = json_incref(value);
  anchor->extent = extent;
  anchor->open = false;
}

/* ---- building ----------------------------------------------------------------- */

static int merge(struct builder *builder, struct frame *frame, json_t *value) {
  if (!frame->merged)
    frame->merged = json_object();
  if (json_is_object(value))
    return json_object_update_missing(frame->merged, value);
  size_t i;
  json_t *item;
  json_array_foreach(value, i, item) {
    if (!json_is_object(item))
      return refuse(builder, "<< takes a mapping or a list of mappings");
    json_object_update_missing(frame->merged, item);
  }
  return json_is_array(value) ? 0 : refuse(builder, "<< takes a mapping or a list of mappings");
}

/* Takes value. */
static int attach(struct builder *builder, json_t *value) {
  if (builder->depth == 0) {
    if (json_is_null(value))
      json_decref(value);
    else
      json_array_append_new(builder->yaml->documents, value);
    return 0;
  }
  struct frame *frame = &builder->frames[builder->depth - 1];
  int result = 0;
  if (json_is_array(frame->value)) {
    json_array_append(frame->value, value);
  } else if (frame->merging) {
    result = merge(builder, frame, value);
    frame->merging = false;
  } else if (!frame->key) {
    result = refuse(builder, "a key is a mapping or a list: it must be text");
  } else {
    json_object_set(frame->value, frame->key, value);
    free(frame->key);
    frame->key = NULL;
  }
  json_decref(value);
  return result;
}

static bool expects_key(const struct builder *builder) {
  const struct frame *frame = builder->depth ? &builder->frames[builder->depth - 1] : NULL;
  return frame && json_is_object(frame->value) && !frame->key && !frame->merging;
}

static int take_key(struct builder *builder, const json_t *value, bool is_merge) {
  struct frame *frame = &builder->frames[builder->depth - 1];
  if (is_merge) {
    frame->merging = true;
    return 0;
  }
  if (json_is_null(value))
    return refuse(builder, "a key is null: it must be text");
  frame->key = json_is_string(value)    ? hp_strdup(json_string_value(value))
               : json_is_integer(value) ? hp_printf("%lld", (long long)json_integer_value(value))
               : json_is_real(value)    ? hp_printf("%g", json_real_value(value))
                                        : hp_strdup(json_is_true(value) ? "true" : "false");
  if (!json_object_get(frame->value, frame->key))
    return 0;
  return hp_error_set(builder->err, HP_INVALID_ARGUMENT,
                      "%s, line %zu: the key \"%.64s\" is in its mapping twice: remove one", builder->what,
                      builder->mark->line + 1, frame->key);
}

static int on_scalar(struct builder *builder, const yaml_event_t *event) {
  bool is_merge;
  struct anchor *anchor;
  const char *text = (const char *)event->data.scalar.value;
  const struct extent extent = {1, event->data.scalar.length};
  if (count(builder, extent) != 0 ||
      open_anchor(builder, (const char *)event->data.scalar.anchor, &anchor) != 0)
    return -1;
  json_t *value = hp_yaml_scalar(text, event->data.scalar.length, (const char *)event->data.scalar.tag,
                                 event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE, &is_merge);
  if (!value)
    return hp_error_set(builder->err, HP_INVALID_ARGUMENT,
                        "%s, line %zu: \"%.64s\" is not what its tag says, or nothing that JSON can hold: "
                        "write it in quotes",
                        builder->what, builder->mark->line + 1, text);
  close_anchor(anchor, value, extent);
  if (!expects_key(builder))
    return attach(builder, value);
  int result = take_key(builder, value, is_merge);
  json_decref(value);
  return result;
}

static int on_alias(struct builder *builder, const yaml_event_t *event) {
  const struct anchor *anchor = find_anchor(builder, (const char *)event->data.alias.anchor);
  if (!anchor)
    return refuse(builder, "an alias names an anchor that is not there");
  if (anchor->open)
    return refuse(builder, "an alias stands within what it names");
  if (count(builder, anchor->extent) != 0)
    return -1;
  if (expects_key(builder))
    return refuse(builder, "a key is an alias: it must be text");
  return attach(builder, json_incref(anchor->value));
}

static void note_line(struct builder *builder, const json_t *object) {
  struct hp_yaml *yaml = builder->yaml;
  if (yaml->line_count == builder->line_room) {
    builder->line_room = builder->line_room ? 2 * builder->line_room : 64;
    yaml->lines = hp_realloc_array(yaml->lines, builder->line_room, sizeof *yaml->lines);
  }
  yaml->lines[yaml->line_count++] = (struct hp_yaml_line){object, builder->mark->line + 1};
}

static int on_start(struct builder *builder, const yaml_char_t *anchor_name, bool mapping) {
  struct anchor *anchor;
  if (builder->depth == HP_YAML_DEPTH_MAX)
    return refuse(builder, "it is nested more than 64 levels deep: at most 64 are read");
  if (expects_key(builder))
    return refuse(builder, "a key is a mapping or a list: it must be text");
  struct extent before = builder->total;
  if (count(builder, (struct extent){1, 0}) != 0 ||
      open_anchor(builder, (const char *)anchor_name, &anchor) != 0)
    return -1;
  struct frame *frame = &builder->frames[builder->depth++];
  *frame =
      (struct frame){.value = mapping ? json_object() : json_array(), .anchor = anchor, .before = before};
  if (mapping)
    note_line(builder, frame->value);
  return 0;
}

static int on_end(struct builder *builder) {
  struct frame frame = builder->frames[--builder->depth];
  if (frame.merged) {
    json_object_update_missing(frame.value, frame.merged);
    json_decref(frame.merged);
  }
  close_anchor(frame.anchor, frame.value,
               (struct extent){builder->total.values - frame.before.values,
                               builder->total.bytes - frame.before.bytes});
  return attach(builder, frame.value);
}

static int on_event(struct builder *builder, const yaml_event_t *event) {
  builder->mark = &event->start_mark;
  switch (event->type) {
  case YAML_SCALAR_EVENT:
    return on_scalar(builder, event);
  case YAML_ALIAS_EVENT:
    return on_alias(builder, event);
  case YAML_MAPPING_START_EVENT:
    return on_start(builder, event->data.mapping_start.anchor, true);
  case YAML_SEQUENCE_START_EVENT:
    return on_start(builder, event->data.sequence_start.anchor, false);
  case YAML_MAPPING_END_EVENT:
  case YAML_SEQUENCE_END_EVENT:
    return on_end(builder);
  case YAML_DOCUMENT_END_EVENT:
    forget_anchors(builder);
    return 0;
  default:
    return 0;
  }
}

static int refuse_syntax(const struct builder *builder, const yaml_parser_t *parser) {
  bool has_mark = parser->error == YAML_SCANNER_ERROR || parser->error == YAML_PARSER_ERROR;
  return has_mark
             ? hp_error_set(builder->err, HP_INVALID_ARGUMENT,
                            "%s is not valid YAML: line %zu column %zu: %s", builder->what,
                            parser->problem_mark.line + 1, parser->problem_mark.column + 1, parser->problem)
             : hp_error_set(builder->err, HP_INVALID_ARGUMENT, "%s is not valid YAML: byte %zu: %s",
                            builder->what, parser->problem_offset,
                            parser->problem ? parser->problem : "out of memory");
}

static int build(const struct hp_yaml_library *library, yaml_parser_t *parser, struct builder *builder) {
  yaml_event_type_t type = YAML_NO_EVENT;
  while (type != YAML_STREAM_END_EVENT) {
    yaml_event_t event;
    if (!library->parser_parse(parser, &event))
      return refuse_syntax(builder, parser);
    type = event.type;
    int result = on_event(builder, &event);
    library->event_delete(&event);
    if (result != 0)
      return -1;
  }
  return 0;
}

int hp_yaml_load(const char *what, const char *data, size_t length, struct hp_yaml *yaml,
                 struct hp_error *err) {
  *yaml = (struct hp_yaml){0};
  if (length > HP_YAML_MAX)
    return hp_error_set(err, HP_INVALID_ARGUMENT, "%s has %zu bytes: at most %u are read, make it smaller",
                        what, length, HP_YAML_MAX);
  const struct hp_yaml_library *library = hp_yaml_library(err);
  yaml_parser_t parser;
  if (!library)
    return -1;
  if (!library->parser_initialize(&parser))
    return hp_error_set(err, HP_RESOURCE_EXHAUSTED, "%s cannot be read: out of memory", what);
  library->parser_set_input_string(&parser, (const unsigned char *)data, length);
  struct builder *builder = hp_alloc(sizeof *builder);
  *builder = (struct builder){.what = what, .yaml = yaml, .err = err};
  yaml->documents = json_array();
  int result = build(library, &parser, builder);
  while (builder->depth > 0) {
    struct frame *frame = &builder->frames[--builder->depth];
    json_decref(frame->value);
    json_decref(frame->merged);
    free(frame->key);
  }
  forget_anchors(builder);
  free(builder);
  library->parser_delete(&parser);
  if (result != 0)
    hp_yaml_clear(yaml);
  return result;
}

size_t hp_yaml_line(const struct hp_yaml *yaml, const json_t *object) {
  for (size_t i = 0; i < yaml->line_count; i++)
    if (yaml->lines[i].value == object)
      return yaml->lines[i].line;
  return 0;
}

void hp_yaml_clear(struct hp_yaml *yaml) {
  json_decref(yaml->documents);
  free(yaml->lines);
  *yaml = (struct hp_yaml){0};
}
