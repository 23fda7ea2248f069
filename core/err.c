#include "core/err.h"

const char *mdl_strerror(int err) {
    switch (err) {
#define X(name, value, sentence)                                                                                       \
    case value:                                                                                                        \
        return sentence;
        MDL_ERR_MAP(X)
#undef X
    default:
        return "unknown error";
    }
}
