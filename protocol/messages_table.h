/* The messages: one table for the structs, the encoder, the decoder, the
 * reference in docs/PROTOCOL.md chapter 2 and the fuzzers.
 *
 * Rows of a message are F(kind, name, lo, hi, meaning); schema.h says what lo
 * and hi bound for each kind. Order is the order on the wire. A new row or
 * message is a new protocol version: nothing unknown is ever skipped. */
#ifndef MDL_PROTOCOL_MESSAGES_TABLE_H
#define MDL_PROTOCOL_MESSAGES_TABLE_H

#define MDL_GENERATION_MAX 1000000
#define MDL_UNIT_JOBS_MAX 512
#define MDL_INVITE_BYTES_MAX 1536
#define MDL_GOSSIP_NOTE_MAX 512   /* bytes of a checkpoint with the log's signature alone: origins have at most 128 */
#define MDL_SHARDS_MAX 256        /* of one job: as many as regions */
#define MDL_SHARD_STEPS_MAX 65536 /* windows of one step            */
#define MDL_SNAPSHOT_CHUNKS_MAX 32768          /* of one shard                   */
#define MDL_SNAPSHOT_CHUNK_BYTES_MAX (1 << 20) /* of one chunk                   */
#define MDL_ADMIN_REASON_MAX 224
#define MDL_U64_MAX UINT64_MAX
#define MDL_U32_MAX UINT32_MAX
#define MDL_I64_LO ((uint64_t)INT64_MIN)
#define MDL_I64_HI ((uint64_t)INT64_MAX)
#define MDL_FITNESS_LO ((uint64_t)(-MDL_FITNESS_ABS_MAX))
#define MDL_FITNESS_HI ((uint64_t)MDL_FITNESS_ABS_MAX)

/* Every payload starts with these. */
#define MDL_FIELDS_HEAD(F)                                                                                             \
    F(HEX, experiment, 32, 32, "SHA-256 of the experiment file; zeros while the sender does not know it")              \
    F(HEX, session, 16, 16, "drawn at random by the worker; zeros in records and news")                                \
    F(U64, seq, 0, MDL_U64_MAX, "counts up in a session; a reply repeats the call's")

/* Worker to coordinator. */
#define MDL_FIELDS_HELLO(F)                                                                                            \
    F(U32, version, 1, 65535, "protocol version that the worker speaks")                                               \
    F(TEXT, program, 0, 32, "name and version of the program")                                                         \
    F(U32, results, 0, 65535, "Results version that it computes")                                                      \
    F(U32, threads, 1, 65535, "compute threads")                                                                       \
    F(U64, speed, 0, MDL_U64_MAX, "measured synapse updates a second, all threads")                                    \
    F(U64, ticket, 0, MDL_U64_MAX, "nonce of the proof of work; 0 where none is asked for")                            \
    F(TEXT, invite, 0, MDL_INVITE_BYTES_MAX, "an invitation's envelope; empty: none")                                  \
    F(HEX, worker, 32, 32, "key that a session key speaks for; zeros: the signer speaks for itself")                   \
    F(TEXT, statement, 0, 144, "of the session key: section 3.6; empty: there is none")                                \
    F(U64, memory, 0, MDL_U64_MAX, "bytes that its networks may take in all; 0: it runs no shards")
#define MDL_FIELDS_WANT(F)                                                                                             \
    F(U32, jobs, 1, 1048576, "most jobs that the worker can finish in a lease's time")                                 \
    F(U64, speed, 0, MDL_U64_MAX, "measured synapse updates a second, all threads")                                    \
    F(U64, memory, 0, MDL_U64_MAX, "bytes of these that are free; 0: no shard is wanted")
#define MDL_FIELDS_COMMIT(F)                                                                                           \
    F(U64, lease, 0, MDL_U64_MAX, "lease whose jobs are done")                                                         \
    F(HEX, commitment, 32, 32, "digest that binds the result to come: section 10.2")                                   \
    F(HEX, round, 32, 32,                                                                                              \
      "digest of the worker's nonce of this generation: section 10.8; not read where none is shared")
#define MDL_FIELDS_NONCE(F)                                                                                            \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation that it is for")                                             \
    F(HEX, nonce, 32, 32, "what the digest in its commitments was of")
#define MDL_FIELDS_RESULT(F)                                                                                           \
    F(U64, lease, 0, MDL_U64_MAX, "lease that it answers")                                                             \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation of the jobs")                                                \
    F(U32, first, 0, MDL_U32_MAX, "first job")                                                                         \
    F(U32, count, 1, MDL_UNIT_JOBS_MAX, "number of jobs")                                                              \
    F(FITNESSES, fitness, 1, MDL_UNIT_JOBS_MAX, "one sum a job, in millionths; as many as count says")                 \
    F(HEX, nonce, 32, 32, "drawn at random before the commitment; zeros where none is asked for")                      \
    F(HEX, root, 32, 32, "digest of the unit's trace")                                                                 \
    F(U64, updates, 0, MDL_U64_MAX, "synapse updates done")                                                            \
    F(U64, busy_ms, 0, MDL_U64_MAX, "time it took, all threads added")                                                 \
    F(SEGMENTS, segments, 1, MDL_UNIT_JOBS_MAX, "segment digest and synapse updates of each job")
/* Disputes: section 11.6. */
#define MDL_FIELDS_MOVE(F)                                                                                             \
    F(U64, lease, 0, MDL_U64_MAX, "lease whose answer is in dispute")                                                  \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation of the job")                                                 \
    F(U32, job, 0, MDL_U32_MAX, "the job")                                                                             \
    F(U32, kind, 1, 3, "1 rows, 2 digests of the points asked for, 3 the state asked for")                             \
    F(CARRIED, blob, 32, 32, "the move's bytes: section 11")                                                           \
    F(U64, blob_size, 1, MDL_FRAME_BLOB_MAX, "their number")
#define MDL_FIELDS_SYNC(F) F(U32, generation, 0, MDL_GENERATION_MAX, "first generation whose results are missing")
#define MDL_FIELDS_FETCH(F) F(BLOB, digest, 32, 32, "blob that is asked for")
#define MDL_FIELDS_BYE(F) F(TEXT, reason, 0, 64, "why, for people")
#define MDL_FIELDS_PING(F)
#define MDL_FIELDS_PROVE(F)                                                                                            \
    F(U64, from, 0, MDL_U64_MAX, "records of the smaller tree")                                                        \
    F(U64, to, 0, MDL_U64_MAX, "records of the larger tree; 0: as many as the newest checkpoint has")                  \
    F(NOTE, checkpoint, 0, MDL_GOSSIP_NOTE_MAX, "the newest one that the worker has had proved; empty: not shown")
/* Shards: section 12. */
#define MDL_FIELDS_PULL(F)                                                                                             \
    F(U64, lease, 0, MDL_U64_MAX, "lease of a shard")                                                                  \
    F(U32, life, 0, MDL_U32_MAX, "life of the job")                                                                    \
    F(U32, window, 0, MDL_U32_MAX, "window of the life whose step is asked for")
#define MDL_FIELDS_WINDOW(F)                                                                                           \
    F(U64, lease, 0, MDL_U64_MAX, "lease of the shard")                                                                \
    F(U32, life, 0, MDL_U32_MAX, "life of the job")                                                                    \
    F(U32, window, 0, MDL_U32_MAX, "window that was run")                                                              \
    F(HEX, state, 32, 32, "digest of the shard's state where one is due; else zeros")                                  \
    F(HEX, commit, 32, 32, "the window's digest: section 12.3")                                                        \
    F(HEX, silent, 32, 32, "digest over those of the step's windows before it; zeros: it was the first")               \
    F(CARRIED, blob, 32, 32, "the window's output: section 12.2")                                                      \
    F(U64, blob_size, 1, MDL_FRAME_BLOB_MAX, "its size in bytes")
#define MDL_FIELDS_SNAPSHOT(F)                                                                                         \
    F(U64, lease, 0, MDL_U64_MAX, "lease of the shard")                                                                \
    F(U32, life, 0, MDL_U32_MAX, "life of the job")                                                                    \
    F(U32, window, 0, MDL_U32_MAX, "window after which the state was taken")                                           \
    F(U32, chunk, 0, MDL_SNAPSHOT_CHUNKS_MAX, "number of the chunk; the last one is the list of the others")           \
    F(U32, chunks, 1, MDL_SNAPSHOT_CHUNKS_MAX, "chunks of the state")                                                  \
    F(CARRIED, blob, 32, 32, "the chunk")                                                                              \
    F(U64, blob_size, 1, MDL_SNAPSHOT_CHUNK_BYTES_MAX, "its size in bytes")
#define MDL_FIELDS_SHARDRESULT(F)                                                                                      \
    F(U64, lease, 0, MDL_U64_MAX, "lease that it answers")                                                             \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation of the job")                                                 \
    F(U32, job, 0, MDL_U32_MAX, "the job")                                                                             \
    F(U32, shard, 0, MDL_SHARDS_MAX - 1, "the shard")                                                                  \
    F(U32, windows, 1, MDL_U32_MAX, "windows run, from the lease's first to the job's last")                           \
    F(HEX, root, 32, 32, "root over their digests")                                                                    \
    F(U64, updates, 0, MDL_U64_MAX, "synapse updates done in them")                                                    \
    F(U64, busy_ms, 0, MDL_U64_MAX, "time it took, all threads added")                                                 \
    F(SEGMENTS, regions, 1, MDL_SHARDS_MAX, "digest at the end and synapse updates of each region, in order")

/* Coordinator to worker: replies. */
#define MDL_FIELDS_WELCOME(F)                                                                                          \
    F(HEX, worker, 32, 32, "key that was greeted")                                                                     \
    F(U32, version, 1, 65535, "protocol version of the session")                                                       \
    F(U32, generation, 0, MDL_GENERATION_MAX, "open generation")                                                       \
    F(HEX, state, 32, 32, "digest of its evolution state")                                                             \
    F(BLOB, document, 32, 32, "BLAKE2b-256 of the experiment file")                                                    \
    F(U64, lease_ms, 0, MDL_U64_MAX, "how long a lease is meant to keep a worker busy")                                \
    F(TEXT, origin, 1, 128, "origin of the ledger's checkpoints")                                                      \
    F(TEXT, vkey, 1, 256, "verifier key of the ledger")
#define MDL_FIELDS_GRANT(F)                                                                                            \
    F(U64, lease, 0, MDL_U64_MAX, "the lease's number, never used again")                                              \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation of the jobs")                                                \
    F(U32, first, 0, MDL_U32_MAX, "first job")                                                                         \
    F(U32, count, 1, MDL_UNIT_JOBS_MAX, "number of jobs")                                                              \
    F(U64, deadline_ms, 0, MDL_U64_MAX, "time from now until the lease ends")
#define MDL_FIELDS_SHARDGRANT(F)                                                                                       \
    F(U64, lease, 0, MDL_U64_MAX, "the lease's number, never used again")                                              \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation of the job")                                                 \
    F(U32, job, 0, MDL_U32_MAX, "the job")                                                                             \
    F(U32, shard, 0, MDL_SHARDS_MAX - 1, "the shard")                                                                  \
    F(U32, shards, 1, MDL_SHARDS_MAX, "of how many")                                                                   \
    F(U32, life, 0, MDL_U32_MAX, "life in which it begins")                                                            \
    F(U32, window, 0, MDL_U32_MAX, "first window to run")                                                              \
    F(BLOB, snapshot, 32, 32, "list of the chunks of the state before that window; zeros: birth, at window 0")         \
    F(U64, deadline_ms, 0, MDL_U64_MAX, "time without a sign of life after which the lease ends")
#define MDL_FIELDS_STEP(F)                                                                                             \
    F(U64, lease, 0, MDL_U64_MAX, "lease of the shard")                                                                \
    F(U32, what, 1, 5, "1 run, 2 not yet, 3 the job is over, 4 begin again, 5 the lease is over: section 12.4")        \
    F(U32, life, 0, MDL_U32_MAX, "life of the job")                                                                    \
    F(U32, window, 0, MDL_U32_MAX, "first window to run")                                                              \
    F(U32, count, 0, MDL_SHARD_STEPS_MAX,                                                                              \
      "windows in the blob; of all but the last one the coordinator has the output")                                   \
    F(U32, keep, 0, 1, "1: the state after the last of them is asked for")                                             \
    F(BLOB, snapshot, 32, 32, "begin again: as in shardgrant; else zeros")                                             \
    F(CARRIED, blob, 32, 32, "each window's input, after its size in bytes as u32: section 12.2")                      \
    F(U64, blob_size, 0, MDL_FRAME_BLOB_MAX, "its size in bytes")
#define MDL_FIELDS_IDLE(F)                                                                                             \
    F(U32, reason, 1, 65535, "why there is no work: section 2.5")                                                      \
    F(TEXT, text, 0, 160, "the same for people")                                                                       \
    F(U64, retry_ms, 0, MDL_U64_MAX, "when to ask again")
#define MDL_FIELDS_QUESTION(F)                                                                                         \
    F(U64, lease, 0, MDL_U64_MAX, "lease of the worker that is asked")                                                 \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation of the job")                                                 \
    F(U32, job, 0, MDL_U32_MAX, "job whose answers differ")                                                            \
    F(U32, kind, 1, 3, "what is asked for: as in move")                                                                \
    F(U32, life, 0, MDL_U32_MAX, "life of the job; of rows 0")                                                         \
    F(INDICES, points, 0, 16, "windows after which its points are asked for; of rows none")
#define MDL_FIELDS_REJECT(F)                                                                                           \
    F(U32, reason, 1, 65535, "why: section 2.5")                                                                       \
    F(TEXT, name, 0, 32, "the reason's name")                                                                          \
    F(TEXT, text, 0, 160, "the same for people, with details")                                                         \
    F(U64, retry_ms, 0, MDL_U64_MAX, "when to try again; 0: never with the same message")                              \
    F(U64, about, 0, MDL_U64_MAX, "seq of the refused message, 0 if it could not be read")
#define MDL_FIELDS_HISTORY(F)                                                                                          \
    F(U32, from, 0, MDL_GENERATION_MAX, "first generation in the blob")                                                \
    F(U32, to, 0, MDL_GENERATION_MAX, "generation after the last one in it")                                           \
    F(HEX, state, 32, 32, "digest of the evolution state of generation `to`")                                          \
    F(CARRIED, blob, 32, 32, "fitnesses of all jobs of these generations, int64 little-endian, in order")              \
    F(U64, blob_size, 0, MDL_FRAME_BLOB_MAX, "its size in bytes")
#define MDL_FIELDS_DOCUMENT(F)                                                                                         \
    F(BLOB, digest, 32, 32, "what was asked for")                                                                      \
    F(CARRIED, blob, 32, 32, "the same digest; the frame carries the bytes")                                           \
    F(U64, blob_size, 0, MDL_FRAME_BLOB_MAX, "their number")
#define MDL_FIELDS_PONG(F)                                                                                             \
    F(U32, generation, 0, MDL_GENERATION_MAX, "open generation")                                                       \
    F(U64, clock_ms, 0, MDL_U64_MAX, "the coordinator's clock, ms since 1970; only for people")                        \
    F(NOTE, checkpoint, 0, 1024, "newest signed checkpoint of the ledger")

#define MDL_FIELDS_PROOF(F)                                                                                            \
    F(U64, from, 0, MDL_U64_MAX, "as in the call")                                                                     \
    F(U64, to, 0, MDL_U64_MAX, "records of the larger tree")                                                           \
    F(HEX, root, 32, 32, "root of the smaller tree")                                                                   \
    F(NOTE, checkpoint, 0, MDL_GOSSIP_NOTE_MAX, "where the call had 0 for `to`: the newest signed checkpoint")         \
    F(CARRIED, blob, 32, 32, "the consistency proof of section 4.1, hashes of 32 bytes")                               \
    F(U64, blob_size, 0, 32 * 63, "its size in bytes")

/* Coordinator to everyone: published; missing one is harmless. */
#define MDL_FIELDS_NEWS(F)                                                                                             \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation that has opened")                                            \
    F(HEX, state, 32, 32, "digest of its evolution state")                                                             \
    F(I64, best, MDL_FITNESS_LO, MDL_FITNESS_HI, "best fitness of the generation before")                              \
    F(I64, u_local, MDL_I64_LO, MDL_I64_HI, "population-scope eta_local, in units of 2^-32")                           \
    F(I64, u_global, MDL_I64_LO, MDL_I64_HI, "population-scope eta_global, in units of 2^-32")                         \
    F(U32, workers, 0, MDL_U32_MAX, "workers with a session")

/* Ledger records, signed by the coordinator. The worker's `result` is one too. */
#define MDL_FIELDS_GENESIS(F)                                                                                          \
    F(U32, version, 1, 65535, "protocol version of the records")                                                       \
    F(U32, results, 0, 65535, "Results version of every digest and fitness")                                           \
    F(BLOB, document, 32, 32, "the experiment file")                                                                   \
    F(HEX, coordinator, 32, 32, "the coordinator's key, which must have signed this")                                  \
    F(TEXT, origin, 1, 128, "origin of the checkpoints")                                                               \
    F(TEXT, admission, 1, 160, "rule of admission: section 3.1")                                                       \
    F(HEX, chain, 32, 32, "head of the hash chain: section 10.3; zeros where verification is off")
#define MDL_FIELDS_ADMIT(F)                                                                                            \
    F(HEX, worker, 32, 32, "the worker's key")                                                                         \
    F(TEXT, name, 0, 64, "what its owner calls it")                                                                    \
    F(U32, how, 1, 3, "1 open, 2 list, 3 invitation")                                                                  \
    F(HEX, owner, 32, 32, "the owner's key; open admission: the worker's")                                             \
    F(U64, ticket, 0, MDL_U64_MAX, "open admission: nonce of the proof of work; else 0")                               \
    F(TEXT, invite, 0, MDL_INVITE_BYTES_MAX, "by invitation: its envelope; else empty")
#define MDL_FIELDS_LEASE(F)                                                                                            \
    F(U64, lease, 0, MDL_U64_MAX, "the lease's number")                                                                \
    F(HEX, worker, 32, 32, "who has it")                                                                               \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation of the jobs")                                                \
    F(U32, first, 0, MDL_U32_MAX, "first job")                                                                         \
    F(U32, count, 1, MDL_UNIT_JOBS_MAX, "number of jobs")
#define MDL_FIELDS_SHARDLEASE(F)                                                                                       \
    F(U64, lease, 0, MDL_U64_MAX, "the lease's number")                                                                \
    F(HEX, worker, 32, 32, "who has it")                                                                               \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation of the job")                                                 \
    F(U32, job, 0, MDL_U32_MAX, "the job")                                                                             \
    F(U32, shard, 0, MDL_SHARDS_MAX - 1, "the shard")                                                                  \
    F(U32, shards, 1, MDL_SHARDS_MAX, "of how many")                                                                   \
    F(U32, life, 0, MDL_U32_MAX, "life in which it begins")                                                            \
    F(U32, window, 0, MDL_U32_MAX, "first window to run")
/* What the shards of a job add up to. */
#define MDL_FIELDS_JOINED(F)                                                                                           \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation of the job")                                                 \
    F(U32, job, 0, MDL_U32_MAX, "the job")                                                                             \
    F(U32, shards, 1, MDL_SHARDS_MAX, "shards that it was cut into")                                                   \
    F(I64, fitness, MDL_FITNESS_LO, MDL_FITNESS_HI, "its sum, in millionths")                                          \
    F(U64, updates, 0, MDL_U64_MAX, "synapse updates done")                                                            \
    F(HEX, segment, 32, 32, "its segment digest")                                                                      \
    F(INDICES, results, 1, 2048, "records of the shard results used, in order of shard")                               \
    F(BLOB, transcript, 32, 32, "lives, windows and their digests: section 12.5")
/* A window of a shard was false: convicts. */
#define MDL_FIELDS_SHARDVERDICT(F)                                                                                     \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation of the job")                                                 \
    F(U32, job, 0, MDL_U32_MAX, "the job")                                                                             \
    F(U64, lease, 0, MDL_U64_MAX, "lease of the shard")                                                                \
    F(U32, life, 0, MDL_U32_MAX, "life of the job")                                                                    \
    F(U32, window, 0, MDL_U32_MAX, "the first false window")                                                           \
    F(HEX, right, 32, 32, "its right digest")                                                                          \
    F(BLOB, evidence, 32, 32, "envelope of the false `window`; zeros: it is in the transcript of the joined job")      \
    F(INDICES, spent, 0, 2048, "lease, windows, lease, windows: run on what was false, by others")
#define MDL_FIELDS_EXPIRE(F)                                                                                           \
    F(U64, lease, 0, MDL_U64_MAX, "lease that ended without a result")                                                 \
    F(U32, reason, 1, 65535, "why: section 2.5")
#define MDL_FIELDS_CLOSE(F)                                                                                            \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation that closes")                                                \
    F(BLOB, fitness, 32, 32, "fitnesses of all its jobs, int64 little-endian, in order")                               \
    F(U32, jobs, 1, MDL_U32_MAX, "their number")                                                                       \
    F(INDICES, results, 0, 2048, "records of the results used, in order of their first job")                           \
    F(BLOB, results_blob, 32, 32, "a longer list: uint64 little-endian; then `results` is empty")                      \
    F(HEX, before, 32, 32, "digest of the evolution state of this generation")                                         \
    F(HEX, after, 32, 32, "digest of the next one's")                                                                  \
    F(I64, best, MDL_FITNESS_LO, MDL_FITNESS_HI, "best fitness among training jobs")                                   \
    F(HEX, element, 32, 32, "this generation's element of the hash chain; zeros where verification is off")
#define MDL_FIELDS_BEACON(F)                                                                                           \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation whose units are drawn")                                      \
    F(HEX, nonces, 32, 32, "digest of the nonces that were shown: section 10.8")
/* The coordinator's own answer of a job, which agrees with all others. */
#define MDL_FIELDS_CHECK(F)                                                                                            \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation of the job")                                                 \
    F(U32, job, 0, MDL_U32_MAX, "the job")                                                                             \
    F(I64, fitness, MDL_FITNESS_LO, MDL_FITNESS_HI, "its sum, in millionths")                                          \
    F(U64, updates, 0, MDL_U64_MAX, "synapse updates done")                                                            \
    F(HEX, segment, 32, 32, "its segment digest")
/* The same where an answer differs: whoever gave such a one is convicted. */
#define MDL_FIELDS_VERDICT(F)                                                                                          \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation of the job")                                                 \
    F(U32, job, 0, MDL_U32_MAX, "the job")                                                                             \
    F(I64, fitness, MDL_FITNESS_LO, MDL_FITNESS_HI, "its right sum, in millionths")                                    \
    F(U64, updates, 0, MDL_U64_MAX, "synapse updates that it takes")                                                   \
    F(HEX, segment, 32, 32, "its right segment digest")
/* Two answers that differ are taken apart: section 11.6. */
#define MDL_FIELDS_DISPUTE(F)                                                                                          \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation of the job")                                                 \
    F(U32, job, 0, MDL_U32_MAX, "the job")                                                                             \
    F(U64, first, 0, MDL_U64_MAX, "lease of side 0")                                                                   \
    F(U64, second, 0, MDL_U64_MAX, "lease of side 1")
#define MDL_FIELDS_JUDGEMENT(F)                                                                                        \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation of the job")                                                 \
    F(U32, job, 0, MDL_U32_MAX, "the job")                                                                             \
    F(U32, wrong, 1, 3, "1 side 0, 2 side 1, 3 both")                                                                  \
    F(U32, fault, 1, 5, "1 sums, 2 length, 3 window, 4 end, 5 state")                                                  \
    F(HEX, truth, 32, 32, "window: digest of the point after it; else zeros")                                          \
    F(U32, windows, 0, MDL_U32_MAX, "end: the life's row; else 0")                                                     \
    F(I64, fitness, MDL_I64_LO, MDL_I64_HI, "the same")                                                                \
    F(U64, updates, 0, MDL_U64_MAX, "the same")                                                                        \
    F(HEX, end, 32, 32, "the same; else zeros")                                                                        \
    F(HEX, transcript, 32, 32, "digest of the moves: section 11.5")
/* A worker said two things where there is one to say; the first is a record. */
#define MDL_FIELDS_EQUIVOCATION(F)                                                                                     \
    F(HEX, worker, 32, 32, "the worker's key")                                                                         \
    F(U64, lease, 0, MDL_U64_MAX, "lease whose commit or result is the first")                                         \
    F(BLOB, second, 32, 32, "the envelope of the second")
/* A convict's unit of a closed generation, done again by the coordinator: what it computes, right or not. */
#define MDL_FIELDS_CORRECTION(F)                                                                                       \
    F(HEX, worker, 32, 32, "the convict")                                                                              \
    F(U64, result, 0, MDL_U64_MAX, "record of its result")                                                             \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation of the jobs")                                                \
    F(U32, first, 0, MDL_U32_MAX, "first job")                                                                         \
    F(U32, count, 1, MDL_UNIT_JOBS_MAX, "number of jobs")                                                              \
    F(FITNESSES, fitness, 1, MDL_UNIT_JOBS_MAX, "their right sums, in millionths")                                     \
    F(SEGMENTS, segments, 1, MDL_UNIT_JOBS_MAX, "their right segment digests and synapse updates")
#define MDL_FIELDS_CREDIT(F)                                                                                           \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation that has closed: section 10.6 says which work is paid")      \
    F(U32, count, 0, MDL_U32_MAX, "number of workers in the blob")                                                     \
    F(U64, updates, 0, MDL_U64_MAX, "sum over them")                                                                   \
    F(BLOB, workers, 32, 32, "key, then updates as uint64 little-endian, 40 bytes a worker, keys rising")              \
    F(U64, waiting, 0, MDL_U64_MAX, "updates of accepted results that are not paid yet")                               \
    F(U64, forfeited, 0, MDL_U64_MAX, "updates that convicts have lost, since the beginning")
#define MDL_FIELDS_CHAMPION(F)                                                                                         \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generation whose validation it won")                                    \
    F(U32, island, 0, 15, "island whose centre it is")                                                                 \
    F(BLOB, genome, 32, 32, "the genome, binary32 little-endian")                                                      \
    F(I64, validation, MDL_FITNESS_LO, MDL_FITNESS_HI, "its validation fitness")
#define MDL_FIELDS_ADMIN(F)                                                                                            \
    F(TEXT, action, 1, 32, "pause, resume, ban, ...")                                                                  \
    F(HEX, target, 32, 32, "key that it concerns; zeros: none")                                                        \
    F(TEXT, reason, 0, MDL_ADMIN_REASON_MAX, "why, for people; or the statement of a key: sections 3.5, 3.6")
#define MDL_FIELDS_END(F)                                                                                              \
    F(U32, generation, 0, MDL_GENERATION_MAX, "generations that were closed")                                          \
    F(HEX, champion, 32, 32, "digest of the champion's genome")

/* Signed by the coordinator or an owner, carried inside hello. */
#define MDL_FIELDS_INVITE(F)                                                                                           \
    F(HEX, worker, 32, 32, "key that is let in")                                                                       \
    F(HEX, owner, 32, 32, "key of the principal")                                                                      \
    F(U64, expires, 0, MDL_U64_MAX, "ms since 1970; 0: never")                                                         \
    F(TEXT, name, 0, 64, "what the owner calls the worker")

/* M(name, NAME, role, meaning) */
#define MDL_MESSAGES(M)                                                                                                \
    M(hello, HELLO, CALL, "opens a session")                                                                           \
    M(want, WANT, CALL, "asks for work")                                                                               \
    M(commit, COMMIT, CALL, "binds a unit's results before they are shown; becomes a ledger record as it is")          \
    M(nonce, NONCE, CALL, "shows the worker's nonce of a generation; becomes a ledger record as it is")                \
    M(result, RESULT, CALL, "hands in a unit's results; becomes a ledger record as it is")                             \
    M(pull, PULL, CALL, "asks for what a shard's window takes in")                                                     \
    M(window, WINDOW, CALL, "hands in what a shard's window gave")                                                     \
    M(snapshot, SNAPSHOT, CALL, "hands in a part of a shard's state")                                                  \
    M(shardresult, SHARDRESULT, CALL, "ends a shard; becomes a ledger record as it is")                                \
    M(move, MOVE, CALL, "answers a question in a dispute; becomes a ledger record as it is")                           \
    M(sync, SYNC, CALL, "asks for the results of closed generations")                                                  \
    M(fetch, FETCH, CALL, "asks for a blob")                                                                           \
    M(bye, BYE, CALL, "ends the session and gives leases back")                                                        \
    M(ping, PING, CALL, "asks for a sign of life")                                                                     \
    M(prove, PROVE, CALL, "asks whether one tree of the ledger continues another")                                     \
    M(welcome, WELCOME, REPLY, "answers hello")                                                                        \
    M(grant, GRANT, REPLY, "answers want: a lease")                                                                    \
    M(shardgrant, SHARDGRANT, REPLY, "answers want: a lease of a shard")                                               \
    M(step, STEP, REPLY, "answers pull and window: what the next window takes in, or what else to do")                 \
    M(idle, IDLE, REPLY, "answers want: no work, and why")                                                             \
    M(question, QUESTION, REPLY, "answers want: an answer is in dispute, and a move of this worker is due")            \
    M(reject, REJECT, REPLY, "answers anything: refused, and why")                                                     \
    M(history, HISTORY, REPLY, "answers sync")                                                                         \
    M(document, DOCUMENT, REPLY, "answers fetch")                                                                      \
    M(pong, PONG, REPLY, "answers ping and bye")                                                                       \
    M(proof, PROOF, REPLY, "answers prove")                                                                            \
    M(news, NEWS, NEWS, "a generation has opened")                                                                     \
    M(genesis, GENESIS, RECORD, "record 0: the experiment")                                                            \
    M(admit, ADMIT, RECORD, "a worker was let in")                                                                     \
    M(lease, LEASE, RECORD, "jobs were leased")                                                                        \
    M(shardlease, SHARDLEASE, RECORD, "a shard was leased")                                                            \
    M(joined, JOINED, RECORD, "the shards of a job are done: its result")                                              \
    M(shardverdict, SHARDVERDICT, RECORD, "a window of a shard is not the right one: convicts")                        \
    M(expire, EXPIRE, RECORD, "a lease ended without a result; the coordinator's assertion")                           \
    M(check, CHECK, RECORD, "the coordinator did a job itself, and agrees")                                            \
    M(verdict, VERDICT, RECORD, "the coordinator did a job itself, and does not: convicts")                            \
    M(dispute, DISPUTE, RECORD, "two answers to a job are taken apart")                                                \
    M(judgement, JUDGEMENT, RECORD, "a dispute is over: convicts")                                                     \
    M(equivocation, EQUIVOCATION, RECORD, "a worker contradicted a record of its own: convicts")                       \
    M(correction, CORRECTION, RECORD, "the coordinator did a convict's unit of a closed generation again")             \
    M(beacon, BEACON, RECORD, "the units of a generation are drawn with the nonces of its workers")                    \
    M(close, CLOSE, RECORD, "a generation closed")                                                                     \
    M(credit, CREDIT, RECORD, "work was credited")                                                                     \
    M(champion, CHAMPION, RECORD, "a new champion")                                                                    \
    M(admin, ADMIN, RECORD, "the operator did something")                                                              \
    M(end, END, RECORD, "the experiment has ended")                                                                    \
    M(invite, INVITE, GRANT, "lets a worker in")

#endif
