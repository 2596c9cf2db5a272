/* For the driver: the time stamp counter as a shared library. */
#include "tsc.h"

uint64_t tsc(void) { return read_tsc(); }
double tsc_per_second(void) { return measure_tsc(); }
