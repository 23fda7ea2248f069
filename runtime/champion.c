#include "runtime/champion.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/grow.h"
#include "protocol/safetensors.h"
#include "runtime/file.h"

enum { CHAMPION_BYTES_MAX = 1 << 30 };

void mdl_genome_digest(const float *genome, uint32_t genes, uint8_t digest[MDL_DIGEST_BYTES]) {
    mdl_digest d;
    mdl_digest_init(&d);
    mdl_sink sink = mdl_digest_sink(&d);
    mdl_put_f32s(&sink, genome, genes);
    mdl_digest_final(&d, digest);
}

void mdl_champion_choose(mdl_champion *c, uint32_t island) {
    MDL_ASSERT(island < c->islands);
    c->island = island;
    mdl_genome_digest(mdl_champion_genome(c, island), c->layout.genes, c->digest);
}

/* Room for the islands of the experiment in c->file. */
static mdl_err make_room(mdl_champion *c) {
    const mdl_experiment *x = &c->file.experiment;
    int bad = mdl_genome_layout_of(x, &c->layout);
    MDL_ASSERT(bad == MDL_OK); /* checked with the experiment */
    c->islands = x->evolution.islands;
    c->genomes = malloc((size_t)c->islands * c->layout.genes * sizeof *c->genomes);
    c->validation = calloc(c->islands, sizeof *c->validation);
    c->generation = calloc(c->islands, sizeof *c->generation);
    return c->genomes && c->validation && c->generation ? MDL_OK : MDL_ENOMEM;
}

mdl_err mdl_champion_of_run(mdl_champion *c, const mdl_runner *r, char *error, size_t error_size) {
    memset(c, 0, sizeof *c);
    uint32_t island;
    mdl_err err = mdl_evolution_champion(r->evolution, UINT32_MAX, NULL, &island, NULL, NULL);
    if (err != MDL_OK) {
        snprintf(error, error_size, "%s: no island has been validated yet", r->directory);
        return err;
    }
    err = mdl_experiment_file_parse(&c->file, r->directory, r->file->bytes, r->file->size, error, error_size);
    if (err != MDL_OK)
        return err;
    err = make_room(c);
    if (err != MDL_OK) {
        snprintf(error, error_size, "%s: out of memory", r->directory);
        mdl_champion_close(c);
        return err;
    }
    for (uint32_t k = 0; k < c->islands; k++)
        mdl_evolution_champion(r->evolution, k, c->genomes + (size_t)k * c->layout.genes, NULL, &c->generation[k],
                               &c->validation[k]);
    mdl_champion_choose(c, island);
    return MDL_OK;
}

mdl_err mdl_champion_of_genome(mdl_champion *c, const mdl_experiment_file *file, const float *genome) {
    char error[256];
    memset(c, 0, sizeof *c);
    mdl_err err = mdl_experiment_file_parse(&c->file, "", file->bytes, file->size, error, sizeof error);
    if (err == MDL_OK)
        err = make_room(c);
    if (err != MDL_OK) {
        mdl_champion_close(c);
        return err;
    }
    for (uint32_t k = 0; k < c->islands; k++)
        memcpy(c->genomes + (size_t)k * c->layout.genes, genome, c->layout.genes * sizeof *genome);
    mdl_champion_choose(c, 0);
    return MDL_OK;
}

/* ---- read ---- */

static int is_shape(const mdl_tensor *t, mdl_dtype dtype, uint32_t rank, uint64_t first, uint64_t second) {
    return t && t->dtype == dtype && t->rank == rank && t->shape[0] == first && (rank < 2 || t->shape[1] == second);
}

static int all_finite(const float *v, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!(v[i] - v[i] == 0.0f))
            return 0;
    return 1;
}

static const char *text_of(const mdl_safetensors *s, const char *key) {
    const char *text = mdl_safetensors_metadata(s, key);
    return text ? text : "";
}

static mdl_err refuse(const char *path, mdl_err err, const char *why, char *error, size_t error_size) {
    snprintf(error, error_size, "%s: %s", path, why);
    return err;
}

static mdl_err take_tensors(mdl_champion *c, const mdl_safetensors *s, const char *path, char *error,
                            size_t error_size) {
    size_t genes = c->layout.genes;
    const mdl_tensor *genome = mdl_safetensors_find(s, "genome");
    const mdl_tensor *genomes = mdl_safetensors_find(s, "island_genomes");
    const mdl_tensor *validation = mdl_safetensors_find(s, "island_validation");
    const mdl_tensor *generation = mdl_safetensors_find(s, "island_generation");
    if (!is_shape(genome, MDL_F32, 1, genes, 0) || !is_shape(genomes, MDL_F32, 2, c->islands, genes) ||
        !is_shape(validation, MDL_I64, 1, c->islands, 0) || !is_shape(generation, MDL_I32, 1, c->islands, 0))
        return refuse(path, MDL_EMISMATCH, "a tensor is missing or has not the shape that the experiment asks for",
                      error, error_size);
    mdl_tensor_values(genomes, c->genomes);
    mdl_tensor_values(validation, c->validation);
    mdl_tensor_values(generation, c->generation);
    if (!all_finite(c->genomes, c->islands * genes))
        return refuse(path, MDL_ERANGE, "a genome holds a NaN or an infinity", error, error_size);
    const char *digits = text_of(s, "island");
    char *end;
    unsigned long island = strtoul(digits, &end, 10);
    if (end == digits || *end || island >= c->islands)
        return refuse(path, MDL_ERANGE, "metadata island names no island", error, error_size);
    mdl_champion_choose(c, (uint32_t)island);
    /* Kept twice for other readers' sake: they must agree. */
    if (memcmp(genome->bytes, genomes->bytes + 4 * genes * island, 4 * genes) != 0)
        return refuse(path, MDL_EMISMATCH, "genome is not the chosen island's", error, error_size);
    char hex[MDL_DIGEST_HEX];
    mdl_hex(c->digest, sizeof c->digest, hex);
    if (strcmp(hex, text_of(s, "digest")) != 0)
        return refuse(path, MDL_EDIGEST, "the genome does not match its digest", error, error_size);
    return MDL_OK;
}

static mdl_err take_file(mdl_champion *c, const mdl_safetensors *s, const char *path, char *error, size_t error_size) {
    const char *text = text_of(s, "experiment");
    if (strcmp(text_of(s, "format"), MDL_CHAMPION_FORMAT) != 0)
        return refuse(path, MDL_EMAGIC, "not a champion file of this version", error, error_size);
    mdl_err err = mdl_experiment_file_parse(&c->file, path, text, strlen(text), error, error_size);
    if (err != MDL_OK)
        return err;
    char id[65];
    mdl_hex(c->file.experiment.id, 32, id);
    if (strcmp(id, text_of(s, "experiment_id")) != 0)
        return refuse(path, MDL_EDIGEST, "the experiment does not match its id", error, error_size);
    if (make_room(c) != MDL_OK)
        return refuse(path, MDL_ENOMEM, "out of memory", error, error_size);
    return take_tensors(c, s, path, error, error_size);
}

mdl_err mdl_champion_read(mdl_champion *c, const char *path, char *error, size_t error_size) {
    struct stat status;
    memset(c, 0, sizeof *c);
    int directory = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    char *inside = directory ? mdl_path_join(path, "champion.safetensors") : NULL;
    if (directory && !inside)
        return refuse(path, MDL_ENOMEM, "out of memory", error, error_size);
    const char *file = inside ? inside : path;
    uint8_t *bytes;
    size_t size;
    mdl_err err = mdl_file_read(file, CHAMPION_BYTES_MAX, &bytes, &size, error, error_size);
    if (err == MDL_OK) {
        mdl_safetensors s;
        err = mdl_safetensors_read(bytes, size, &s);
        if (err != MDL_OK)
            snprintf(error, error_size, "%s is not a whole safetensors file: %s", file, mdl_strerror((int)err));
        else
            err = take_file(c, &s, file, error, error_size);
        mdl_safetensors_close(&s);
        free(bytes);
        if (err != MDL_OK)
            mdl_champion_close(c);
    } else if (err == MDL_ENOENT && directory) {
        snprintf(error, error_size, "%s has no champion.safetensors yet: let modulon evolve come to an end there",
                 path);
    }
    free(inside);
    return err;
}

mdl_err mdl_champion_write(const mdl_champion *c, const char *path, char *error, size_t error_size) {
    mdl_buffer b = {0};
    mdl_err err = mdl_champion_bytes(c, &b);
    if (err != MDL_OK)
        snprintf(error, error_size, "cannot make %s: %s", path, mdl_strerror((int)err));
    else
        err = mdl_file_write(path, b.bytes, b.size, error, error_size);
    free(b.bytes);
    return err;
}

void mdl_champion_close(mdl_champion *c) {
    mdl_experiment_file_close(&c->file);
    free(c->genomes);
    free(c->validation);
    free(c->generation);
    memset(c, 0, sizeof *c);
}
