#include "protocol/reason.h"

const char *mdl_reason_name(unsigned reason) {
    switch (reason) {
    case MDL_REASON_NONE:
        return "none";
#define X(NAME, name, value, sentence)                                                                                 \
    case value:                                                                                                        \
        return #name;
        MDL_REASON_MAP(X)
#undef X
    default:
        return "unknown";
    }
}

const char *mdl_reason_sentence(unsigned reason) {
    switch (reason) {
    case MDL_REASON_NONE:
        return "no reason";
#define X(NAME, name, value, sentence)                                                                                 \
    case value:                                                                                                        \
        return sentence;
        MDL_REASON_MAP(X)
#undef X
    default:
        return "a reason that this version does not know";
    }
}
