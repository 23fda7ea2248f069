#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/philox.h"
#include "protocol/safetensors.h"

typedef struct buffer {
    uint8_t bytes[1 << 16];
    size_t size;
} buffer;

static void buffer_write(void *ctx, const void *bytes, size_t size) {
    buffer *b = ctx;
    assert_true(b->size + size <= sizeof b->bytes);
    memcpy(b->bytes + b->size, bytes, size);
    b->size += size;
}

static const float floats[6] = {1.0f, -2.5f, 0.0f, 3.25f, 1e-30f, 65504.0f};
static const double doubles[2] = {0.1, -1e300};
static const int64_t longs[2] = {INT64_MIN, 5};
static const int32_t ints[3] = {-1, 2, INT32_MAX};
static const uint8_t octets[5] = {0, 1, 2, 254, 255};

static const mdl_tensor tensors[] = {
    {.name = "bytes", .dtype = MDL_U8, .rank = 1, .shape = {5}, .values = octets},
    {.name = "weights", .dtype = MDL_F32, .rank = 2, .shape = {2, 3}, .values = floats},
    {.name = "scalar", .dtype = MDL_F64, .rank = 0, .values = doubles},
    {.name = "none", .dtype = MDL_F32, .rank = 3, .shape = {4, 0, 2}, .values = floats},
    {.name = "longs", .dtype = MDL_I64, .rank = 1, .shape = {2}, .values = longs},
    {.name = "ints \"\xC3\xA4\"", .dtype = MDL_I32, .rank = 1, .shape = {3}, .values = ints},
};
enum { TENSORS = sizeof tensors / sizeof tensors[0] };
static const mdl_metadata metadata[] = {{"format", "modulon"}, {"experiment", "0123\nab"}};

static void write_all(buffer *b) {
    b->size = 0;
    mdl_sink sink = {buffer_write, b};
    assert_int_equal(mdl_safetensors_write(tensors, TENSORS, metadata, 2, &sink), MDL_OK);
}

static void test_round_trip(void **state) {
    (void)state;
    static buffer b;
    mdl_safetensors s;
    write_all(&b);
    assert_int_equal(mdl_safetensors_read(b.bytes, b.size, &s), MDL_OK);
    assert_int_equal(s.count, TENSORS);
    for (uint32_t i = 0; i < TENSORS; i++) {
        const mdl_tensor *t = mdl_safetensors_find(&s, tensors[i].name);
        double values[8]; /* aligned for every type */
        assert_non_null(t);
        assert_int_equal(t->dtype, tensors[i].dtype);
        assert_int_equal(t->rank, tensors[i].rank);
        assert_memory_equal(t->shape, tensors[i].shape, sizeof t->shape);
        assert_true(t->size_bytes <= sizeof values);
        mdl_tensor_values(t, values);
        assert_memory_equal(values, tensors[i].values, (size_t)t->size_bytes);
        assert_int_equal((size_t)(t->bytes - b.bytes) % mdl_dtype_bytes(t->dtype), 0);
    }
    assert_null(mdl_safetensors_find(&s, "weight"));
    assert_string_equal(mdl_safetensors_metadata(&s, "experiment"), "0123\nab");
    assert_null(mdl_safetensors_metadata(&s, "weights"));
    mdl_safetensors_close(&s);
    mdl_safetensors_close(&s); /* harmless */
}

/* The file written by hand from the format's description. */
static void test_known_bytes(void **state) {
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"k\":\"v\"},\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    static const uint8_t data[8] = {0, 0, 0x80, 0x3F, 0, 0, 0x20, 0xC0}; /* 1, -2.5 */
    static buffer b;
    const mdl_tensor w = {.name = "w", .dtype = MDL_F32, .rank = 1, .shape = {2}, .values = floats};
    const mdl_metadata kv = {"k", "v"};
    mdl_sink sink = {buffer_write, &b};
    b.size = 0;
    assert_int_equal(mdl_safetensors_write(&w, 1, &kv, 1, &sink), MDL_OK);
    size_t padded = (sizeof header - 1 + 7) / 8 * 8;
    assert_int_equal(b.size, 8 + padded + 8);
    assert_int_equal(b.bytes[0], padded);
    for (size_t i = 1; i < 8; i++) {
        assert_int_equal(b.bytes[i], 0);
    }
    assert_memory_equal(b.bytes + 8, header, sizeof header - 1);
    for (size_t i = 8 + sizeof header - 1; i < 8 + padded; i++) {
        assert_int_equal(b.bytes[i], ' ');
    }
    assert_memory_equal(b.bytes + 8 + padded, data, 8);
}

static mdl_err read_header(const char *header, size_t data_size) {
    size_t n = strlen(header), size = 8 + n + data_size;
    uint8_t *bytes = calloc(1, size);
    mdl_safetensors s;
    assert_non_null(bytes);
    for (size_t i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)((uint64_t)n >> (8 * i));
    }
    memcpy(bytes + 8, header, n);
    mdl_err e = mdl_safetensors_read(bytes, size, &s);
    mdl_safetensors_close(&s);
    free(bytes);
    return e;
}

#define W(dtype, shape, offsets) "{\"w\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define TWO(a, b)                                                                                                      \
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" a "},\"b\":{\"dtype\":\"U8\",\"shape\":[4],"            \
    "\"data_offsets\":" b "}}"

static void test_bad_headers(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t data_size;
        mdl_err code;
    } cases[] = {
        {W("\"F32\"", "[2]", "[0,8]"), 8, MDL_OK},
        {"{}", 0, MDL_OK},
        {"{}   ", 0, MDL_OK},
        {TWO("[0,4]", "[4,8]"), 8, MDL_OK},
        {TWO("[4,8]", "[0,4]"), 8, MDL_OK},
        {"{}", 1, MDL_ESIZE}, /* data that nothing names */
        {W("\"F32\"", "[2]", "[0,8]"), 9, MDL_ESIZE},
        {W("\"F32\"", "[2]", "[0,8]"), 7, MDL_ERANGE}, /* past the end */
        {W("\"F32\"", "[3]", "[0,8]"), 8, MDL_EMISMATCH},
        {W("\"F32\"", "[2]", "[8,0]"), 8, MDL_ERANGE},
        {W("\"F32\"", "[2]", "[1,9]"), 9, MDL_EMISMATCH}, /* a gap at the start */
        {TWO("[0,4]", "[5,9]"), 9, MDL_EMISMATCH},        /* a gap */
        {TWO("[0,4]", "[3,7]"), 7, MDL_EMISMATCH},        /* an overlap */
        {TWO("[0,4]", "[0,4]"), 4, MDL_EMISMATCH},
        {W("\"F32\"", "[2]", "[-8,0]"), 8, MDL_ERANGE},
        {W("\"F32\"", "[2]", "[0.5,8.5]"), 8, MDL_ERANGE},
        {W("\"F32\"", "[2]", "[0,1e400]"), 8, MDL_ERANGE},
        {W("\"F32\"", "[2]", "[0]"), 8, MDL_ERANGE},
        {W("\"F32\"", "[2]", "[0,8,8]"), 8, MDL_ERANGE},
        {W("\"F32\"", "[2]", "\"0,8\""), 8, MDL_ETYPE},
        {W("\"F32\"", "[2]", "[0,\"8\"]"), 8, MDL_ETYPE},
        {W("\"F32\"", "2", "[0,8]"), 8, MDL_ETYPE},
        {W("\"F32\"", "[-2]", "[0,8]"), 8, MDL_ERANGE},
        {W("\"F32\"", "[4294967296,4294967296,4294967296,2]", "[0,8]"), 8, MDL_ERANGE}, /* product overflows */
        {W("\"F32\"", "[562949953421313]", "[0,8]"), 8, MDL_ERANGE},
        {W("\"F64\"", "[562949953421312]", "[0,8]"), 8, MDL_EMISMATCH},
        {W("\"F32\"", "[1,1,1,1,1,1,1,1,2]", "[0,8]"), 8, MDL_ERANGE},
        {W("\"BF16\"", "[4]", "[0,8]"), 8, MDL_ENOENT},
        {W("\"f32\"", "[2]", "[0,8]"), 8, MDL_ENOENT},
        {W("32", "[2]", "[0,8]"), 8, MDL_ETYPE},
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, MDL_EKEY},
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"shape\":[2],\"data_offsets\":[0,8]}}", 8, MDL_EKEY},
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":0}}", 8, MDL_EKEY},
        {"{\"w\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
         "\"w\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
         0, MDL_EKEY},
        {"{\"w\":[]}", 0, MDL_ETYPE},
        {"{\"__metadata__\":{\"a\":1}}", 0, MDL_ETYPE},
        {"{\"__metadata__\":[]}", 0, MDL_ETYPE},
        {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, MDL_EKEY},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, MDL_EKEY},
        {"{\"__metadata__\":{\"a\":\"1\"}}", 0, MDL_OK},
        {"[]", 0, MDL_ESYNTAX},
        {" {}", 0, MDL_ESYNTAX}, /* the format wants '{' first */
        {"", 0, MDL_ESYNTAX},
        {"{", 0, MDL_ESYNTAX},
        {"{}{}", 0, MDL_ESYNTAX},
        {"{\"\xFF\":{}}", 0, MDL_ESYNTAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mdl_err e = read_header(cases[i].header, cases[i].data_size);
        if (e != cases[i].code) {
            fail_msg("%s with %zu bytes: %d, expected %d", cases[i].header, cases[i].data_size, (int)e,
                     (int)cases[i].code);
        }
    }
}

static void test_header_lengths(void **state) {
    (void)state;
    static const uint8_t lengths[][8] = {
        {3, 0, 0, 0, 0, 0, 0, 0},  /* past the end */
        {0, 0, 16, 0, 0, 0, 0, 0}, /* 1 MiB that are not there */
        {1, 0, 16, 0, 0, 0, 0, 0}, /* over the limit */
        {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF},
        {0xFA, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, /* 8 + length wraps to 2 */
    };
    mdl_safetensors s;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint8_t bytes[10];
        memcpy(bytes, lengths[i], 8);
        memcpy(bytes + 8, "{}", 2);
        assert_int_equal(mdl_safetensors_read(bytes, sizeof bytes, &s), MDL_ESIZE);
        assert_null(s.header);
    }
    assert_int_equal(mdl_safetensors_read(lengths[0], 7, &s), MDL_ESIZE);
}

static void test_bad_tensors(void **state) {
    (void)state;
    static buffer b;
    mdl_sink sink = {buffer_write, &b};
    mdl_tensor two[2] = {{.name = "a", .dtype = MDL_U8, .rank = 1, .shape = {1}, .values = octets},
                         {.name = "b", .dtype = MDL_U8, .rank = 1, .shape = {1}, .values = octets}};
    const mdl_metadata twice[2] = {{"k", "1"}, {"k", "2"}}, latin1 = {"k", "\xE4"};
    b.size = 0;
    assert_int_equal(mdl_safetensors_write(two, 2, twice, 2, &sink), MDL_EKEY);
    assert_int_equal(mdl_safetensors_write(two, 2, &latin1, 1, &sink), MDL_ESYNTAX);
    two[1].name = "a";
    assert_int_equal(mdl_safetensors_write(two, 2, NULL, 0, &sink), MDL_EKEY);
    two[1].name = "";
    assert_int_equal(mdl_safetensors_write(two, 2, NULL, 0, &sink), MDL_EKEY);
    two[1].name = "__metadata__";
    assert_int_equal(mdl_safetensors_write(two, 2, NULL, 0, &sink), MDL_EKEY);
    two[1].name = "\xC0\x80";
    assert_int_equal(mdl_safetensors_write(two, 2, NULL, 0, &sink), MDL_ESYNTAX);
    two[1].name = "b";
    two[1].rank = 9;
    assert_int_equal(mdl_safetensors_write(two, 2, NULL, 0, &sink), MDL_ERANGE);
    two[1].rank = 2;
    two[1].shape[0] = two[1].shape[1] = (uint64_t)1 << 40;
    assert_int_equal(mdl_safetensors_write(two, 2, NULL, 0, &sink), MDL_ERANGE);
    two[1].rank = 1;
    two[1].dtype = (mdl_dtype)5;
    assert_int_equal(mdl_safetensors_write(two, 2, NULL, 0, &sink), MDL_ERANGE);
    assert_int_equal(mdl_safetensors_write(two, MDL_SAFETENSORS_MAX + 1, NULL, 0, &sink), MDL_ESIZE);
    assert_int_equal(b.size, 0); /* nothing was written */
}

/* Cut anywhere a file is refused; with any byte changed it is refused or read, and never read past. */
static void test_damage(void **state) {
    (void)state;
    static buffer b;
    mdl_safetensors s;
    write_all(&b);
    for (size_t n = 0; n < b.size; n++) {
        uint8_t *cut = malloc(n ? n : 1);
        assert_non_null(cut);
        memcpy(cut, b.bytes, n);
        assert_int_not_equal(mdl_safetensors_read(cut, n, &s), MDL_OK);
        free(cut);
    }
    mdl_stream rng = {11, 0};
    uint32_t accepted = 0;
    uint8_t *changed = malloc(b.size);
    assert_non_null(changed);
    for (uint32_t i = 0; i < 10000; i++) {
        memcpy(changed, b.bytes, b.size);
        changed[mdl_draw_below(&rng, (uint32_t)b.size)] = (uint8_t)mdl_draw_u32(&rng);
        if (mdl_safetensors_read(changed, b.size, &s) == MDL_OK) {
            accepted++;
            for (uint32_t t = 0; t < s.count; t++) {
                double values[64];
                assert_true(s.tensor[t].size_bytes <= sizeof values);
                mdl_tensor_values(&s.tensor[t], values);
            }
            mdl_safetensors_close(&s);
        }
    }
    free(changed);
    assert_true(accepted > 100 && accepted < 9000);
}

static uint32_t allocations_left;

static void *failing_malloc(size_t size) { return allocations_left > 0 ? (allocations_left--, malloc(size)) : NULL; }

static void test_out_of_memory(void **state) {
    (void)state;
    cJSON_Hooks hooks = {failing_malloc, free};
    static buffer whole, b;
    uint32_t read_failures = 0, write_failures = 0;
    write_all(&whole);
    cJSON_InitHooks(&hooks);
    for (uint32_t n = 0; n < 300; n++) {
        mdl_safetensors s;
        mdl_sink sink = {buffer_write, &b};
        allocations_left = n;
        b.size = 0;
        mdl_err e = mdl_safetensors_write(tensors, TENSORS, metadata, 2, &sink);
        assert_true(e == MDL_OK || e == MDL_ENOMEM);
        assert_int_equal(b.size, e ? 0 : whole.size);
        assert_memory_equal(b.bytes, whole.bytes, b.size);
        write_failures += e == MDL_ENOMEM;
        allocations_left = n;
        e = mdl_safetensors_read(whole.bytes, whole.size, &s);
        assert_true(e == MDL_OK || e == MDL_ENOMEM);
        assert_int_equal(s.count, e ? 0 : TENSORS);
        read_failures += e == MDL_ENOMEM;
        mdl_safetensors_close(&s);
    }
    cJSON_InitHooks(NULL);
    assert_true(read_failures > 20 && read_failures < 300 && write_failures > 20 && write_failures < 300);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_known_bytes), cmocka_unit_test(test_bad_headers),
        cmocka_unit_test(test_header_lengths), cmocka_unit_test(test_bad_tensors), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
