// SPDX-License-Identifier: BSD-3-Clause
/*
 * Runs a fuzz target's function once for each file that is named, without libFuzzer.
 */
#include "fuzz.h"

int main(int argc, char **argv)
{
    static uint8_t data[1 << 16];

    LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        size_t n;

        MUST(f != NULL);
        n = fread(data, 1, sizeof(data), f);
        MUST(feof(f));
        fclose(f);
        LLVMFuzzerTestOneInput(data, n);
    }
    return 0;
}
