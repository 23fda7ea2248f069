/* The foraging world: a grid with rocks, plants that grow, and agents that move,
 * eat and collide. SPEC 9.12. The task is core/task_forage.c; here are the
 * world's data and its rules of space, plain and copyable. */
#ifndef MDL_CORE_FORAGE_H
#define MDL_CORE_FORAGE_H

#include <stdint.h>

#include "core/philox.h"

enum {
    MDL_FORAGE_SIZE_MIN = 4,
    MDL_FORAGE_SIZE_MAX = 32,   /* cells along a side                            */
    MDL_FORAGE_KINDS_MAX = 4,   /* kinds of plants                               */
    MDL_FORAGE_VIEW_MAX = 8,    /* cells that an agent sees                      */
    MDL_AGENTS_MAX = 8,         /* agents in one world                           */
    MDL_FORAGE_START = 1000,    /* energy at birth                               */
    MDL_FORAGE_TRACE_ONE = 1024 /* the collision trace that stands for 1         */
};

/* What a cell holds. A plant of kind k is MDL_CELL_PLANT + k. */
enum { MDL_CELL_EMPTY = 0, MDL_CELL_ROCK = 1, MDL_CELL_AGENT = 2, MDL_CELL_PLANT = 3 };

typedef struct mdl_forage_agent {
    uint32_t cell;      /* y * size + x                                         */
    uint32_t heading;   /* 0 up (y - 1), 1 right (x + 1), 2 down, 3 left        */
    int32_t energy;     /* 0: dead                                              */
    uint32_t lived;     /* windows                                              */
    uint32_t trace;     /* of collisions, 0..MDL_FORAGE_TRACE_ONE               */
    uint32_t meals;     /* eaten in this life                                   */
    uint32_t since;     /* contacts since the last change of the world          */
    uint8_t collided;   /* by the last action                                   */
    uint8_t fed;        /* by the last action                                   */
    uint8_t swallowing; /* the view shown is a contact's outcome                */
} mdl_forage_agent;

typedef struct mdl_forage {
    uint32_t size, walls; /* of the grid; walls 0: opposite sides are joined    */
    uint32_t plants;      /* growing now                                        */
    uint32_t hard;        /* bit k: plants of kind k want action 3, not 0       */
    uint32_t changed;     /* whether the world has changed in this life         */
    uint8_t cell[MDL_FORAGE_SIZE_MAX * MDL_FORAGE_SIZE_MAX];
    mdl_forage_agent agent[MDL_AGENTS_MAX];
} mdl_forage;

/* The cell `forward` steps ahead and `right` steps to the right of an agent, or
 * UINT32_MAX beyond a wall. Both are within -3..3. */
uint32_t mdl_forage_at(const mdl_forage *f, const mdl_forage_agent *a, int32_t forward, int32_t right);

/* What the agent sees in view cell `i` (0 ahead, 1 left, 2 right, 3 ahead left,
 * 4 ahead right, 5 two ahead, 6 behind, 7 three ahead); rock beyond a wall. */
uint8_t mdl_forage_see(const mdl_forage *f, const mdl_forage_agent *a, uint32_t i);

/* Put `what` into an empty cell: the one drawn, or the next empty one after it.
 * One draw. There must be an empty cell. Returns the cell. */
uint32_t mdl_forage_put(mdl_forage *f, uint8_t what, mdl_dealer *rng);

/* Row `y` as text, `size` characters and a 0: '.', '#' rock, ^ > v < agents, a
 * plant as a letter from 'a', capital when it is hard. `agents` of them live. */
void mdl_forage_row(const mdl_forage *f, uint32_t agents, uint32_t y, char text[MDL_FORAGE_SIZE_MAX + 1]);

#endif
