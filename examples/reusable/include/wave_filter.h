/* Declarations only, see wave_types.h. */

typedef struct wave_filter wave_filter;

/* Lets pass what is slower than `hertz`. */
enum wave_status wave_filter_new(double hertz, wave_filter **out);
void wave_filter_free(wave_filter *filter);
enum wave_status wave_filter_run(wave_filter *filter, struct wave_block *block);

/* Calls `watch` for every `step` samples; anything but WAVE_OK from it ends the
 * run and is handed back. */
enum wave_status wave_filter_watched(wave_filter *filter, struct wave_block *block,
                                     size_t step,
                                     enum wave_status (*watch)(void *user, size_t done),
                                     void *user);
