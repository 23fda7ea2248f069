/* Made by `modulon selftest --print`. */
static const char *const mdl_selftest_digests[] = {
    "cf36d08b6bceac28aa186bbed9d692d25927f803322d12e92ae18e00cfb4f2e5", /* tmaze */
    "d6bffefe2a455f349ed433cf7e5551c93cb835a902983350e4d7f5ce163a1540", /* regions */
    "a08167125b5d76848d21bdddd0cfc5ecf23b843cfde1517e3d29790913f01a39", /* indirect */
    "3b4a8f114ad31800b814fe44abecba36129d53b23a3f77ab8fc41679450620cf", /* doublepole */
    "4aa38bc2284cbc4c65cd23ef8e9da73e4fd7593dfa584fa28e7043e82bca61d7", /* evolution */
    "9a6a87410ea693f283bb66c01510ae953aecec1d4993e8b7af1f6dc116454a83", /* neuraxon */
    "6679b3862699d68b341963714024ee770e6259d5cd82b00a9154cd5600aae102", /* modulators */
};
