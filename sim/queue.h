/* Events in the order of their time; equal times in the order of being put in.
 * That is the whole schedule: nothing else decides what happens first. */
#ifndef MDL_SIM_QUEUE_H
#define MDL_SIM_QUEUE_H

#include <stddef.h>
#include <stdint.h>

/* Bytes on their way to several receivers. */
typedef struct mdl_sim_bytes {
    uint32_t refs;
    size_t size;
    uint8_t at[];
} mdl_sim_bytes;

/* A copy with one reference, or NULL. */
mdl_sim_bytes *mdl_sim_bytes_of(const uint8_t *at, size_t size);
void mdl_sim_bytes_drop(mdl_sim_bytes *b); /* NULL is harmless */

typedef struct mdl_sim_event {
    uint64_t at_us, order; /* order: given by put */
    uint32_t kind, worker;
    uint64_t token;
    mdl_sim_bytes *bytes; /* one reference, or NULL */
} mdl_sim_event;

typedef struct mdl_sim_queue {
    mdl_sim_event *at; /* a binary heap */
    size_t count;
    uint32_t room;
    uint64_t order;
} mdl_sim_queue;

/* 0: out of memory; the event's bytes are dropped then. */
int mdl_sim_put(mdl_sim_queue *q, mdl_sim_event e);
/* 0: empty. */
int mdl_sim_take(mdl_sim_queue *q, mdl_sim_event *out);
void mdl_sim_queue_close(mdl_sim_queue *q);

#endif
