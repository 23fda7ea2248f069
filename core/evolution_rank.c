#include "core/evolution_internal.h"

#include <string.h>

/* Bottom-up merge sort: stable, so ties keep their index order; iterative. */
static void sort_best_first(const int64_t *fitness, uint32_t count, uint32_t *order, uint32_t *merge) {
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t width = 1; width < count; width *= 2) {
        for (uint32_t lo = 0; lo < count; lo += 2 * width) {
            uint32_t mid = lo + width < count ? lo + width : count;
            uint32_t hi = mid + width < count ? mid + width : count;
            uint32_t a = lo, b = mid;
            for (uint32_t k = lo; k < hi; k++) {
                int from_left = a < mid && (b == hi || fitness[order[a]] >= fitness[order[b]]);
                merge[k] = from_left ? order[a++] : order[b++];
            }
        }
        memcpy(order, merge, count * sizeof *order);
    }
}

void mdl_evolution_rank(const int64_t *fitness, uint32_t count, uint32_t *order, uint32_t *merge, uint32_t *rank2) {
    sort_best_first(fitness, count, order, merge);
    for (uint32_t first = 0, end; first < count; first = end) {
        end = first + 1;
        while (end < count && fitness[order[end]] == fitness[order[first]])
            end++;
        uint32_t twice = 2 * (count - end) + (end - first - 1);
        for (uint32_t place = first; place < end; place++)
            rank2[order[place]] = twice;
    }
}
