/* What an experiment fixes of a network: regions, wiring, delays, windows.
 * Topology is a pure function of this struct. SPEC section 5. */
#ifndef MDL_CORE_NETWORK_SPEC_H
#define MDL_CORE_NETWORK_SPEC_H

#include <stdint.h>

enum {
    MDL_REGIONS_MAX = 256,
    MDL_REGION_NEURONS_MAX = 1 << 20, /* hidden neurons of one region          */
    MDL_DELAY_MAX = 63,               /* steps                                 */
    MDL_WINDOW_MAX = 32,              /* steps                                 */
    MDL_FAN_IN_MAX = 4096             /* synapses of one neuron                */
};

typedef struct mdl_network_spec {
    uint32_t regions;                  /* 1..256, 1                                              */
    uint32_t neurons[MDL_REGIONS_MAX]; /* hidden neurons by region, 0..2^20                      */
    uint32_t ring;                     /* ring neighbours of a neuron, even; 0 = dense: all, itself included */
    float rewire;                      /* probability that a ring synapse is rewired, 0..1        */
    uint32_t sensor_fan;               /* sensors a region-0 neuron listens to; 0 = all           */
    uint32_t motor_fan;                /* hidden neurons a motor listens to; 0 = all              */
    uint32_t sources;                  /* regions a region listens to, 0..regions-1               */
    uint32_t listen;                   /* neurons listened to in each of them, 1..2^16            */
    uint32_t fan_in;                   /* inter-region synapses of a neuron, 0..1024              */
    uint32_t delay[2];                 /* steps inside a region, min..max, 1..63                   */
    uint32_t delay_between[2];         /* steps between regions, window..63                        */
    uint32_t window;                   /* steps in a window, 1..32                                 */
    uint64_t seed;                     /* of the wiring                                            */
    /* From the task: */
    uint32_t sensors; /* observation channels, 1..64; sensor 0 of the network is the constant 1 beside them */
    uint32_t motors;  /* 1..10 */
} mdl_network_spec;

#endif
