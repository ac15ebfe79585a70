/* Where a test build stops dead, to show that whatever is on the host by then is
 * in the journal: with HP_CRASH_POINTS the process ends, without any clean-up, at
 * the n-th point it passes when HOSTPROCESS_CRASH_AT=n; elsewhere this is empty.
 * A point stands after each record, after each thing that was made, and after
 * each that was unmade. (any) */
#ifndef HP_BASE_CRASH_H
#define HP_BASE_CRASH_H

#if defined(HP_CRASH_POINTS)
void hp_crash_point(void);
#else
#define hp_crash_point() ((void)0)
#endif

#endif
