/* Colours of what is printed for people: on a terminal only, and not where
 * NO_COLOR is set. */
#ifndef HP_CLI_STYLE_H
#define HP_CLI_STYLE_H

enum hp_style { HP_STYLE_END, HP_STYLE_GOOD, HP_STYLE_WARNING, HP_STYLE_BAD, HP_STYLE_STRONG };

/* The sequence that begins a style or ends any; "" where there are no colours. */
const char *hp_style(enum hp_style style);

#endif
