/* A job done again with all its shards, beside its transcript. */
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/shard_window.h"
#include "protocol/transcript.h"

typedef struct troupe {
    const mdl_experiment *experiment;
    uint32_t shards, owner[MDL_REGIONS_MAX];
    mdl_conductor conductor;
    mdl_player **player; /* [shards] */
    uint8_t **output;    /* [2 x shards]: of this window and the one before */
    uint8_t *input;
    size_t input_max;
    float *genome;
} troupe;

static void dismiss(troupe *t) {
    for (uint32_t s = 0; s < t->shards; s++) {
        if (t->player)
            free(t->player[s]);
        for (int i = 0; t->output && i < 2; i++)
            free(t->output[2 * s + (uint32_t)i]);
    }
    free(t->player);
    free(t->output);
    free(t->input);
    free(t->genome);
    free(t);
}

static mdl_err gather(troupe *t) {
    const mdl_experiment *x = t->experiment;
    t->player = calloc(t->shards, sizeof(mdl_player *));
    t->output = calloc(t->shards, 2 * sizeof(uint8_t *));
    if (!t->player || !t->output)
        return MDL_ENOMEM;
    for (uint32_t s = 0; s < t->shards; s++) {
        size_t size = mdl_player_bytes(x, t->owner, s), max = mdl_shard_input_max(x, t->owner, s);
        void *memory = aligned_alloc(MDL_ALIGN, (size + MDL_ALIGN - 1) / MDL_ALIGN * MDL_ALIGN);
        if (!memory)
            return MDL_ENOMEM;
        t->player[s] = mdl_player_init(memory, x, t->owner, s, NULL);
        MDL_ASSERT((void *)t->player[s] == memory);
        for (uint32_t i = 0; i < 2; i++)
            if (!(t->output[2 * s + i] = malloc(mdl_shard_output_max(x, t->owner, s))))
                return MDL_ENOMEM;
        t->input_max = max > t->input_max ? max : t->input_max;
    }
    t->input = malloc(t->input_max);
    t->genome = malloc(t->player[0]->layout.genes * sizeof *t->genome);
    return t->input && t->genome ? MDL_OK : MDL_ENOMEM;
}

/* The digest of the player's last window, whose output is here. */
static void commit_of(const troupe *t, uint32_t s, uint32_t life, const uint8_t *output, size_t size,
                      uint8_t out[MDL_DIGEST_BYTES]) {
    const mdl_player *p = t->player[s];
    uint32_t every = t->experiment->sharding.snapshot_windows;
    mdl_window_commit c = {.life = life, .window = p->windows - 1, .shard = s, .shards = t->shards};
    mdl_digest_of(output, size, c.output);
    if (every > 0 && p->windows % every == 0)
        mdl_player_state_digest(p, NULL, c.state);
    mdl_window_commit_digest(&c, out);
}

/* What is looked for. */
typedef struct search {
    const mdl_transcript *said; /* NULL: the digest of what->shard at its place */
    const uint8_t (*region)[MDL_DIGEST_BYTES];
    int whole; /* go on behind what was found */
    mdl_transcript_fault *what;
    uint32_t *told; /* the first life whose row is not right; NULL: not asked for */
} search;

static void find(const search *q, uint32_t life, uint32_t window, uint32_t shard,
                 const uint8_t right[MDL_DIGEST_BYTES]) {
    q->what->found = 1;
    q->what->life = life;
    q->what->window = window;
    q->what->shard = shard;
    memcpy(q->what->right, right, MDL_DIGEST_BYTES);
}

static int is_looked_for(const search *q, uint32_t life, uint32_t window, uint32_t shard) {
    return q->what->life == life && q->what->window == window && q->what->shard == shard;
}

/* The digest of a window that was just played. */
static void see_window(const search *q, uint32_t life, uint32_t window, uint32_t shard,
                       const uint8_t right[MDL_DIGEST_BYTES]) {
    if (q->what->found)
        return;
    uint64_t place = q->said ? mdl_transcript_place(q->said, life, window) : 0;
    if (!q->said
            ? is_looked_for(q, life, window, shard)
            : place == UINT64_MAX || memcmp(right, mdl_transcript_commit(q->said, place, shard), MDL_DIGEST_BYTES) != 0)
        find(q, life, window, shard, right);
    q->what->missing = q->what->found && q->said && place == UINT64_MAX;
}

/* One window of all shards; 0: the life is over. */
static int play_window(troupe *t, const search *q, uint32_t life, mdl_packed *packed) {
    mdl_activity_rule rule = mdl_activity_rule_of(t->experiment, &t->player[0]->params);
    uint32_t window = t->conductor.windows;
    mdl_packed next[MDL_REGIONS_MAX];
    mdl_window_out sum, part;
    uint8_t right[MDL_DIGEST_BYTES];
    memset(&sum, 0, sizeof sum);
    memset(next, 0, sizeof next);
    for (uint32_t s = 0; s < t->shards; s++) {
        uint8_t *output = t->output[2 * s + window % 2];
        size_t size = mdl_shard_input(&t->conductor, t->owner, s, packed, t->input);
        mdl_err err = mdl_shard_input_run(t->player[s], t->input, size);
        MDL_ASSERT(err == MDL_OK); /* it is our own */
        size = mdl_shard_output(t->player[s], output);
        err = mdl_shard_output_read(t->experiment, &rule, t->owner, s, output, size, &part, next);
        MDL_ASSERT(err == MDL_OK);
        mdl_window_out_add(t->experiment, &sum, &part, t->owner[0] == s);
        commit_of(t, s, life, output, size, right);
        see_window(q, life, window, s, right);
    }
    memcpy(packed, next, sizeof next);
    return mdl_conductor_window(&t->conductor, &sum);
}

/* Digests of all regions at the end, and whether the results end with them. */
static void see_ends(const troupe *t, const search *q, uint32_t lives, uint8_t (*end)[MDL_DIGEST_BYTES]) {
    for (uint32_t s = 0; s < t->shards; s++) {
        const mdl_player *p = t->player[s];
        uint8_t own[MDL_REGIONS_MAX][MDL_DIGEST_BYTES], digest[MDL_DIGEST_BYTES];
        int same = 1;
        mdl_player_state_digest(p, own, digest);
        for (uint32_t i = 0; i < p->shard.count; i++) {
            memcpy(end[p->region[i]], own[i], MDL_DIGEST_BYTES);
            same &= !q->region || memcmp(own[i], q->region[p->region[i]], MDL_DIGEST_BYTES) == 0;
        }
        if (!q->what->found && (q->said ? !same : is_looked_for(q, lives, 0, s)))
            find(q, lives, 0, s, digest);
    }
}

/* The job's lives from `first` on; row [episodes]. */
static void play(troupe *t, const mdl_job *job, uint32_t first, const search *q, mdl_life_row *row) {
    mdl_packed packed[MDL_REGIONS_MAX];
    uint8_t end[MDL_REGIONS_MAX][MDL_DIGEST_BYTES];
    for (uint32_t life = first; life < job->episodes; life++) {
        mdl_place at = mdl_unit_place(t->experiment, job, life);
        int goes_on = 1;
        mdl_conductor_begin(&t->conductor, at.key, at.episode, at.part);
        for (uint32_t s = 0; s < t->shards; s++)
            mdl_player_begin(t->player[s], at.key);
        memset(packed, 0, sizeof packed);
        while (goes_on) {
            goes_on = play_window(t, q, life, packed);
            if (!q->whole && q->what->found)
                return;
        }
        if (at.last)
            see_ends(t, q, job->episodes, end);
        mdl_unit_row_of(&t->conductor, at.last ? (const uint8_t(*)[MDL_DIGEST_BYTES])end : NULL, &row[life]);
    }
}

/* The first life whose row is not what was played, which ended in the conductor's state. */
static uint32_t first_untrue(const mdl_conductor *end, const mdl_transcript *said, const mdl_life_row *row,
                             uint32_t lives) {
    uint8_t ours[MDL_DIGEST_BYTES], theirs[MDL_DIGEST_BYTES];
    uint32_t life = 0;
    for (; life < lives && life < said->lives; life++) {
        mdl_life_row of;
        mdl_transcript_row(said, life, &of);
        if (of.windows != row[life].windows || of.fitness != row[life].fitness || of.updates != row[life].updates ||
            (life + 1 < lives && memcmp(of.end, row[life].end, sizeof of.end) != 0))
            return life;
    }
    mdl_unit_end(end, NULL, ours);
    mdl_digest_of(said->modulation, said->modulation_size, theirs);
    return life == lives && memcmp(ours, theirs, sizeof ours) != 0 ? lives - 1 : life;
}

static mdl_err look(const mdl_experiment *x, const mdl_evolution *evolution, uint32_t job, uint32_t shards,
                    const search *q, mdl_job_result *answer) {
    mdl_job info;
    mdl_evolution_job(evolution, job, &info, NULL);
    troupe *t = calloc(1, sizeof *t);
    mdl_life_row *row = calloc(info.episodes, sizeof *row);
    if (!t || !row) {
        free(t);
        free(row);
        return MDL_ENOMEM;
    }
    t->experiment = x;
    t->shards = shards;
    mdl_balanced_cut(&x->network, shards, t->owner);
    mdl_err err = gather(t);
    if (err == MDL_OK) {
        mdl_evolution_job(evolution, job, &info, t->genome);
        for (uint32_t s = 0; s < shards; s++)
            mdl_player_genome(t->player[s], t->genome);
        mdl_conductor_init(&t->conductor, x, &t->player[0]->params);
        /* A place is looked for in its life alone; a life begins with nothing of the one before. */
        uint32_t last = info.episodes - 1;
        play(t, &info, q->said ? 0 : q->what->life < last ? q->what->life : last, q, row);
        if (q->told)
            *q->told = q->what->found ? q->what->life : first_untrue(&t->conductor, q->said, row, info.episodes);
        if (answer)
            mdl_unit_segment(mdl_evolution_generation(evolution), job, row, info.episodes, answer);
    }
    free(row);
    dismiss(t);
    return err;
}

mdl_err mdl_transcript_find(const mdl_experiment *x, const mdl_evolution *evolution, uint32_t job,
                            const mdl_transcript *said, const uint8_t (*region)[MDL_DIGEST_BYTES],
                            mdl_transcript_fault *out, mdl_job_result *answer) {
    search q = {said, region, answer != NULL, out, NULL};
    memset(out, 0, sizeof *out);
    return look(x, evolution, job, said->shards, &q, answer);
}

mdl_err mdl_transcript_told(const mdl_experiment *x, const mdl_evolution *evolution, uint32_t job,
                            const mdl_transcript *said, mdl_transcript_fault *out, uint32_t *life) {
    search q = {said, NULL, 0, out, life};
    memset(out, 0, sizeof *out);
    return look(x, evolution, job, said->shards, &q, NULL);
}

mdl_err mdl_transcript_right(const mdl_experiment *x, const mdl_evolution *evolution, uint32_t job, uint32_t shards,
                             mdl_transcript_fault *what) {
    search q = {NULL, NULL, 0, what, NULL};
    what->found = what->missing = 0;
    return look(x, evolution, job, shards, &q, NULL);
}
