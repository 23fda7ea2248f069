/* Breaks the rules of core on purpose: check.sh must find all but canary_table. */
#include <stdlib.h>

int canary_counter = 1;
int canary_zero;
const char *canary_pointer = "writable pointer";
const char *const canary_table[2] = {"constant", "table of pointers"};

void *canary_allocate(size_t size_bytes);
void *canary_allocate(size_t size_bytes) {
    static size_t canary_local;
    canary_local += size_bytes;
    return malloc(canary_local);
}
