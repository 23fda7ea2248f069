/* How fast the ledger takes records: store_bench [DIR] (default: a directory made
 * in the working one, removed afterwards). For batches of 1, 10, 100 and 1000
 * records of 1 KiB it prints the median over the batches, beside the time of a
 * bare write and fsync of as many bytes, the floor under any store. The last
 * lines: opening with every check, and quickly. */
#define _XOPEN_SOURCE 700 /* nftw */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

enum { RECORD = 1024, BATCH_MAX = 1000, TIMES_MAX = 2000, ERROR = 512 };

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *times, size_t n) {
    qsort(times, n, sizeof *times, compare);
    return n % 2 ? times[n / 2] : (times[n / 2 - 1] + times[n / 2]) / 2;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk) {
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static uint8_t bytes[BATCH_MAX][RECORD];
static mdl_store_record records[BATCH_MAX];
static double times[TIMES_MAX];

static mdl_err append(mdl_store *s, mdl_merkle_edge *edge, size_t batch, char *error) {
    char note[512], text[64];
    mdl_hash root;
    for (size_t i = 0; i < batch; i++) {
        mdl_hash leaf;
        for (size_t k = 0; k < RECORD; k += 8) {
            uint64_t word = (edge->size * 0x9e3779b97f4a7c15u) ^ (k << 32);
            memcpy(&bytes[i][k], &word, sizeof word);
        }
        records[i] = (mdl_store_record){bytes[i], RECORD, NULL};
        mdl_merkle_leaf(bytes[i], RECORD, &leaf);
        mdl_merkle_append(edge, &leaf, 1, NULL, NULL);
    }
    mdl_merkle_edge_root(edge, &root);
    sodium_bin2base64(text, sizeof text, root.bytes, sizeof root.bytes, sodium_base64_VARIANT_ORIGINAL);
    int n = snprintf(note, sizeof note, "bench.example/ledger\n%llu\n%s\n\n%0110d\n", (unsigned long long)edge->size,
                     text, 0); /* as long as with a signature */
    return s->append(s, records, batch, note, (size_t)n, error, ERROR);
}

/* Seconds for a bare append of `size` bytes with fsync; median. */
static double bare(const char *dir, size_t batch, size_t n) {
    char path[4200];
    snprintf(path, sizeof path, "%s/bare", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    for (size_t i = 0; i < n && fd >= 0; i++) {
        double start = now_s();
        if (write(fd, bytes, batch * RECORD) != (ssize_t)(batch * RECORD) || fsync(fd) != 0) {
            return 0;
        }
        times[i] = now_s() - start;
    }
    close(fd);
    return median(times, n);
}

static int measure(const char *dir) {
    static const struct { size_t batch, n; } plan[] = {{1, 1000}, {10, 500}, {100, 200}, {1000, 40}};
    char error[ERROR], path[4200];
    mdl_store s;
    mdl_merkle_edge edge = {0};
    snprintf(path, sizeof path, "%s/ledger", dir);
    mdl_err e = mdl_store_open(&s, path, 0, error, sizeof error);
    for (size_t p = 0; p < sizeof plan / sizeof plan[0] && e == MDL_OK; p++) {
        for (size_t i = 0; i < plan[p].n && e == MDL_OK; i++) {
            double start = now_s();
            e = append(&s, &edge, plan[p].batch, error);
            times[i] = now_s() - start;
        }
        double store_s = median(times, plan[p].n), floor_s = bare(dir, plan[p].batch, plan[p].n);
        printf("batch %4zu: %9.0f records/s (%.3f ms a batch; bare write and fsync %.3f ms)\n", plan[p].batch,
               (double)plan[p].batch / store_s, 1e3 * store_s, 1e3 * floor_s);
    }
    for (unsigned quick = 0; quick <= MDL_STORE_QUICK && e == MDL_OK; quick += MDL_STORE_QUICK) {
        mdl_store_close(&s);
        double start = now_s();
        e = mdl_store_open(&s, path, quick, error, sizeof error);
        printf("open %llu records, %s: %.3f s\n", (unsigned long long)edge.size, quick ? "quick" : "all checks",
               now_s() - start);
    }
    mdl_store_close(&s);
    if (e != MDL_OK) {
        fprintf(stderr, "%s\n", error);
    }
    return e == MDL_OK ? 0 : 3;
}

int main(int argc, char **argv) {
    char made[] = "store-bench-XXXXXX";
    if (argc > 2) {
        fprintf(stderr, "usage: store_bench [DIR]\n");
        return 2;
    }
    if (argc == 2) {
        return measure(argv[1]);
    }
    if (!mkdtemp(made)) {
        perror("store_bench");
        return 3;
    }
    int status = measure(made);
    nftw(made, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return status;
}
