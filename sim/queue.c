#include "sim/queue.h"
#include "protocol/grow.h"

#include <stdlib.h>
#include <string.h>

mdl_sim_bytes *mdl_sim_bytes_of(const uint8_t *at, size_t size) {
    mdl_sim_bytes *b = malloc(sizeof *b + size);
    if (b) {
        b->refs = 1;
        b->size = size;
        if (size > 0) {
            memcpy(b->at, at, size);
        }
    }
    return b;
}

void mdl_sim_bytes_drop(mdl_sim_bytes *b) {
    if (b && --b->refs == 0) {
        free(b);
    }
}

static int before(const mdl_sim_event *a, const mdl_sim_event *b) {
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

int mdl_sim_put(mdl_sim_queue *q, mdl_sim_event e) {
    if (!mdl_list_grow(&q->at, &q->room, q->count + 1, sizeof *q->at)) {
        mdl_sim_bytes_drop(e.bytes);
        return 0;
    }
    e.order = q->order++;
    size_t i = q->count++;
    while (i > 0 && before(&e, &q->at[(i - 1) / 2])) {
        q->at[i] = q->at[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    q->at[i] = e;
    return 1;
}

int mdl_sim_take(mdl_sim_queue *q, mdl_sim_event *out) {
    if (q->count == 0) {
        return 0;
    }
    *out = q->at[0];
    mdl_sim_event last = q->at[--q->count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= q->count) {
            break;
        }
        child += child + 1 < q->count && before(&q->at[child + 1], &q->at[child]);
        if (!before(&q->at[child], &last)) {
            break;
        }
        q->at[i] = q->at[child];
        i = child;
    }
    if (q->count > 0) {
        q->at[i] = last;
    }
    return 1;
}

void mdl_sim_queue_close(mdl_sim_queue *q) {
    for (size_t i = 0; i < q->count; i++) {
        mdl_sim_bytes_drop(q->at[i].bytes);
    }
    free(q->at);
    memset(q, 0, sizeof *q);
}
