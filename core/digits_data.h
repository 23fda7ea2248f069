/* The UCI handwritten digits, 8x8, in the fixed shuffled order of SPEC 9.9:
 * training digits first, then those for validation, then the test's, so that
 * choosing a champion never sees the test. Made from data/digits.bin by
 * data/make_digits.py. */
#ifndef MDL_CORE_DIGITS_DATA_H
#define MDL_CORE_DIGITS_DATA_H

#include <stdint.h>

enum {
    MDL_DIGITS_COUNT = 1797,
    MDL_DIGITS_TRAIN = 1200,
    MDL_DIGITS_VALIDATE = 237,
    MDL_DIGITS_TEST = 360,
    MDL_DIGIT_WORDS = 11
};

/* Eleven words a digit: pixel p is bits 5 (p mod 6) .. +4 of word p / 6, row by
 * row from the top left, 0..16; the label is bits 20..23 of word 10. */
extern const uint32_t mdl_digits_data[MDL_DIGITS_COUNT * MDL_DIGIT_WORDS];

static inline uint32_t mdl_digit_pixel(uint32_t digit, uint32_t pixel) {
    return mdl_digits_data[digit * MDL_DIGIT_WORDS + pixel / 6] >> 5 * (pixel % 6) & 31u;
}

static inline uint32_t mdl_digit_label(uint32_t digit) { return mdl_digits_data[digit * MDL_DIGIT_WORDS + 10] >> 20; }

#endif
