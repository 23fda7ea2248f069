/* Why something was refused, and why there is nothing to do: every refusal and
 * every idle minute has a name. Values are pinned: they are on the wire and in
 * the ledger. PROTOCOL section 2.5. */
#ifndef MDL_PROTOCOL_REASON_H
#define MDL_PROTOCOL_REASON_H

/* X(NAME, name, value, sentence). 1..99: a message was rejected. 100..199: idle.
 * 200..299: why a lease ended. */
#define MDL_REASON_MAP(X)                                                                                              \
    X(BAD_FRAME, bad_frame, 1, "the frame is shorter or longer than its lengths say")                                  \
    X(BAD_ENVELOPE, bad_envelope, 2, "the envelope does not have its one form")                                        \
    X(BAD_SIGNATURE, bad_signature, 3, "the signature is not the key's over these bytes")                              \
    X(WEAK_KEY, weak_key, 4, "the public key is weak: make another one")                                               \
    X(UNKNOWN_TYPE, unknown_type, 5, "no message of this type is taken here")                                          \
    X(BAD_PAYLOAD, bad_payload, 6, "the payload does not have its one form")                                           \
    X(OVERSIZE, oversize, 7, "the message is over a size limit")                                                       \
    X(BAD_BLOB, bad_blob, 8, "the blob is not the one that the payload names")                                         \
    X(WRONG_EXPERIMENT, wrong_experiment, 9, "another experiment runs here")                                           \
    X(OLD_VERSION, old_version, 10, "this protocol version is no longer spoken: update the program")                   \
    X(NEW_VERSION, new_version, 11, "this protocol version is not spoken yet")                                         \
    X(WRONG_RESULTS, wrong_results, 12, "this program computes other results: use the release that the ledger names")  \
    X(NO_SESSION, no_session, 13, "there is no such session: say hello first")                                         \
    X(STALE_SESSION, stale_session, 14, "a later session of this key has replaced this one")                           \
    X(SOMEONE_ELSES_SESSION, someone_elses_session, 15, "this session belongs to another key")                         \
    X(STALE_SEQUENCE, stale_sequence, 16, "this sequence number was passed long ago")                                  \
    X(REPLAY_MISMATCH, replay_mismatch, 17, "this sequence number was used before with other bytes")                   \
    X(NOT_ADMITTED, not_admitted, 18, "this key is not on the list, or brought no invitation")                         \
    X(BAD_TICKET, bad_ticket, 19, "the ticket's proof of work does not reach the difficulty")                          \
    X(BAD_INVITE, bad_invite, 20, "the invitation is not valid for this key, here and now")                            \
    X(BANNED, banned, 21, "this key is banned; the ledger says why")                                                   \
    X(NO_LEASE, no_lease, 22, "there is no such lease")                                                                \
    X(LEASE_EXPIRED, lease_expired, 23, "the lease ended before the result came")                                      \
    X(LEASE_MISMATCH, lease_mismatch, 24, "the result is not for the jobs that the lease names")                       \
    X(BAD_SHAPE, bad_shape, 25, "the numbers of the message contradict each other")                                    \
    X(OUT_OF_RANGE, out_of_range, 26, "a value lies outside what this experiment allows")                              \
    X(RATE_LIMITED, rate_limited, 27, "too many messages: wait as long as the reply says")                             \
    X(REJECT_PAUSED, paused, 28, "the coordinator is paused")                                                          \
    X(REJECT_FINISHED, finished, 29, "the experiment has ended")                                                       \
    X(BUSY, busy, 30, "the coordinator cannot take this now")                                                          \
    X(NOT_FOUND, not_found, 31, "nothing of this name is kept here")                                                   \
    X(INTERNAL, internal, 32, "the coordinator failed; nothing was accepted")                                          \
    X(DUPLICATE, duplicate, 33, "these jobs already have a result in the ledger")                                      \
    X(NO_COMMIT, no_commit, 34, "the result was not committed before")                                                 \
    X(BAD_COMMIT, bad_commit, 35, "the result is not the one that was committed, or its segments are not its root's")  \
    X(FORKED, forked, 36,                                                                                              \
      "a checkpoint of this ledger has more records than it: some are lost, or it has two histories")                  \
    X(BAD_SESSION_KEY, bad_session_key, 37, "the session key has ended, or its statement is not good for this worker") \
    X(NOT_ASKED, not_asked, 38, "no such move is asked of this worker now")                                            \
    X(WAITING_FOR_GENERATION, waiting_for_generation, 100,                                                             \
      "all jobs of the generation are leased; it is about to close")                                                   \
    X(IDLE_PAUSED, idle_paused, 101, "the coordinator is paused: no new leases")                                       \
    X(IDLE_FINISHED, idle_finished, 102, "the experiment has ended: no more work")                                     \
    X(NOTHING_LEFT, nothing_left, 103, "what is left fits no worker of this speed before the deadline")                \
    X(OVER_QUOTA, over_quota, 104, "this worker holds as many leases as it may")                                       \
    X(SELF_TEST, self_test, 105, "a self-test must pass first")                                                        \
    X(STARTING, starting, 106, "the coordinator is still reading its ledger")                                          \
    X(DISK_FULL, disk_full, 107, "the coordinator has no room to keep results")                                        \
    X(VERIFYING, verifying, 108, "all jobs have results; what is selected is being done again")                        \
    X(SHOW_NONCE, show_nonce, 109, "all jobs have results; the workers' nonces are being shown, for the draws")        \
    X(DEADLINE, deadline, 200, "the deadline passed")                                                                  \
    X(LEFT, left, 201, "the worker said goodbye")                                                                      \
    X(REVOKED, revoked, 202, "the operator or a ban took the lease back")                                              \
    X(UNREVEALED, unrevealed, 203, "the deadline passed, and what was committed was not shown")                        \
    X(OVERTAKEN, overtaken, 204, "a shard's job is begun again, or others have done it")

typedef enum mdl_reason {
    MDL_REASON_NONE = 0,
#define X(NAME, name, value, sentence) MDL_REASON_##NAME = value,
    MDL_REASON_MAP(X)
#undef X
} mdl_reason;

/* For any number; never NULL. Unknown ones, of a later version, are "unknown". */
const char *mdl_reason_name(unsigned reason);
const char *mdl_reason_sentence(unsigned reason);

#endif
