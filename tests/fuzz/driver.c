/* Replays files through a fuzz target without libFuzzer, so that every input
 * that once mattered is an ordinary test with any compiler. Arguments are files
 * or directories (not descended into). A directory that does not exist yet
 * counts as empty; the empty input and one zero byte always run. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Runs one input from a heap block of exactly its size, so that a sanitizer sees the first byte read too far. */
static void replay_bytes(const uint8_t *bytes, size_t size_bytes) {
    uint8_t *copy = malloc(size_bytes ? size_bytes : 1);
    if (!copy) {
        fputs("driver: out of memory\n", stderr);
        exit(1);
    }
    memcpy(copy, bytes, size_bytes);
    LLVMFuzzerTestOneInput(copy, size_bytes);
    free(copy);
}

static int replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    size_t size_bytes = 0;
    size_t capacity = 1 << 16;
    uint8_t *bytes = malloc(capacity);
    while (bytes) {
        size_t got = fread(bytes + size_bytes, 1, capacity - size_bytes, file);
        size_bytes += got;
        if (size_bytes < capacity) {
            break;
        }
        capacity *= 2;
        uint8_t *larger = realloc(bytes, capacity);
        if (!larger) {
            free(bytes);
        }
        bytes = larger;
    }
    int failed = ferror(file) || !bytes;
    fclose(file);
    if (failed) {
        fprintf(stderr, "driver: cannot read %s\n", path);
    } else {
        /* Named before it runs: after a crash, the last line of the log is the culprit. */
        printf("%s\n", path);
        fflush(stdout);
        replay_bytes(bytes, size_bytes);
    }
    free(bytes);
    return failed;
}

static int replay_directory(const char *path, unsigned long *file_count) {
    DIR *directory = opendir(path);
    if (!directory) {
        perror(path);
        return 1;
    }
    int failed = 0;
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        char name[4096];
        int length = snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        struct stat status;
        if (length < 0 || (size_t)length >= sizeof name || stat(name, &status) != 0) {
            fprintf(stderr, "driver: cannot stat %s/%s\n", path, entry->d_name);
            failed = 1;
        } else if (S_ISREG(status.st_mode)) {
            failed |= replay_file(name);
            ++*file_count;
        }
    }
    closedir(directory);
    return failed;
}

int main(int argc, char **argv) {
    static const uint8_t zero[1] = {0};
    replay_bytes(zero, 0);
    replay_bytes(zero, 1);
    unsigned long file_count = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        struct stat status;
        if (stat(argv[i], &status) != 0) {
            printf("%s: not there, taken as empty\n", argv[i]);
        } else if (S_ISDIR(status.st_mode)) {
            failed |= replay_directory(argv[i], &file_count);
        } else {
            failed |= replay_file(argv[i]);
            ++file_count;
        }
    }
    printf("%lu files replayed\n", file_count);
    return failed;
}
