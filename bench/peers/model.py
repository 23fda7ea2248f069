"""The network of bench/hmn_pinned.json, as the peers lay it out: N neurons of 64
synapses (60 of neurons, 4 of sensors), delays of 1 to 8 steps. Parameters are what
modulon's prior decodes to, with a learning rate so that every step changes weights.
The peers compute eqs. (1) to (11) with their own random numbers; docs/PERFORMANCE.md
says what each leaves out."""
import sys

K = 64
P = {
    "decay_fast": 0.5, "decay_slow": 0.880797, "sigma": 0.05, "beta_a": 1.0,
    "rho0": 0.268941, "rho1": 0.047426, "eta_local": 0.002, "eta_global": 0.1, "beta_g": 1.0,
    "omega": 0.3, "beta_p": 20.0, "theta_p": 0.0, "weight_max": 4.0, "kappa": 0.880797,
    "rho_r": 0.119203, "discount": 0.880797, "critic": 0.09, "bias_rate": 0.01, "target": 0.0,
    "mean_rate": 0.01, "drop": 0.02, "w_reward": 1.0, "rho_novelty": 0.119203, "alpha": 0.09,
}


def arguments():
    """N, steps, repeats."""
    return int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
