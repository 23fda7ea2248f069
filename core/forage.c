#include "core/forage.h"

#include "core/assert.h"

uint32_t mdl_forage_at(const mdl_forage *f, const mdl_forage_agent *a, int32_t forward, int32_t right) {
    static const int32_t ahead_x[4] = {0, 1, 0, -1}, ahead_y[4] = {-1, 0, 1, 0};
    uint32_t h = a->heading, r = (h + 1) & 3u;
    int32_t n = (int32_t)f->size;
    int32_t x = (int32_t)(a->cell % f->size) + forward * ahead_x[h] + right * ahead_x[r];
    int32_t y = (int32_t)(a->cell / f->size) + forward * ahead_y[h] + right * ahead_y[r];
    if (f->walls && (x < 0 || y < 0 || x >= n || y >= n))
        return UINT32_MAX;
    return (uint32_t)((y + n) % n * n + (x + n) % n);
}

uint8_t mdl_forage_see(const mdl_forage *f, const mdl_forage_agent *a, uint32_t i) {
    static const int8_t place[MDL_FORAGE_VIEW_MAX][2] = {{1, 0}, {0, -1}, {0, 1},  {1, -1},
                                                         {1, 1}, {2, 0},  {-1, 0}, {3, 0}};
    uint32_t cell = mdl_forage_at(f, a, place[i][0], place[i][1]);
    return cell == UINT32_MAX ? (uint8_t)MDL_CELL_ROCK : f->cell[cell];
}

uint32_t mdl_forage_put(mdl_forage *f, uint8_t what, mdl_dealer *rng) {
    uint32_t cells = f->size * f->size, at = mdl_deal_below(rng, cells), tried = 0;
    while (f->cell[at] != MDL_CELL_EMPTY) {
        MDL_ASSERT(++tried < cells);
        at = at + 1 == cells ? 0 : at + 1;
    }
    f->cell[at] = what;
    return at;
}

void mdl_forage_row(const mdl_forage *f, uint32_t agents, uint32_t y, char text[MDL_FORAGE_SIZE_MAX + 1]) {
    for (uint32_t x = 0; x < f->size; x++) {
        uint32_t at = y * f->size + x, what = f->cell[at], kind = what - MDL_CELL_PLANT;
        char shown = what == MDL_CELL_EMPTY ? '.' : '#';
        if (what >= MDL_CELL_PLANT)
            shown = (char)((f->hard >> kind & 1u ? 'A' : 'a') + (int)kind);
        for (uint32_t i = 0; what == MDL_CELL_AGENT && i < agents; i++)
            if (f->agent[i].energy > 0 && f->agent[i].cell == at)
                shown = "^>v<"[f->agent[i].heading];
        text[x] = shown;
    }
    text[f->size] = '\0';
}
