/* What the files of verify-proof share. verify_proof.c: the frame, results and decisions; verify_judged.c: what a
 * coordinator says of disputes and shards. */
#ifndef MDL_AUDIT_VERIFY_INTERNAL_H
#define MDL_AUDIT_VERIFY_INTERNAL_H

#include "audit/verify_proof.h"
#include "protocol/messages.h"
#include "protocol/unit.h"

/* A claim to be computed again, with what its experiment and generation need. */
typedef struct mdl_again {
    mdl_experiment x;
    mdl_evolution *e;
    void *memory, *life_memory;
    float *prior, *genome;
    mdl_life *life;
    mdl_message m; /* the claim  */
    uint32_t generation, first, count;
    int64_t one_fitness; /* of a check or verdict */
    char one_segment[MDL_SEGMENT_CHARS];
    uint64_t list[MDL_LIST_MAX];
    uint8_t pae[MDL_PAE_BYTES_MAX];
    mdl_envelope envelope;
    mdl_job_result job[MDL_UNIT_JOBS_MAX];
} mdl_again;

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void
mdl_verify_say(mdl_fraud_finding *out, mdl_fraud_verdict verdict, const char *format, ...);
/* The message of an envelope in the file; its lists are in g->list until the next. MDL_OK, MDL_ENOMEM or why not. */
mdl_err mdl_verify_message(mdl_again *g, const mdl_fraud *f, mdl_fraud_field field, mdl_message *m);

/* ---- verify_judged.c: the last step of each kind, the state of g->m's generation in g->e; sets out->verdict. MDL_OK,
 * MDL_ENOMEM, or why it cannot be computed. ---- */
mdl_err mdl_verify_judgement(mdl_again *g, const mdl_fraud *f, mdl_fraud_finding *out);
mdl_err mdl_verify_shardverdict(mdl_again *g, const mdl_fraud *f, mdl_fraud_finding *out);
mdl_err mdl_verify_joined(mdl_again *g, const mdl_fraud *f, mdl_fraud_finding *out);

#endif
