/* Shared by all modules. Declarations only: wave.h includes this file for C, the
 * build script reads it for Python. */

enum wave_status { WAVE_OK, WAVE_NO_MEMORY, WAVE_BAD_FREQUENCY, WAVE_STOPPED };

struct wave_block {
    double *samples;
    size_t count;
    double rate; /* samples per second */
};

const char *wave_message(enum wave_status status);
