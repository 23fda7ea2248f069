#!/usr/bin/python3
"""Brian 2, C++ standalone, binary32, one thread: hmn_brian2.py NEURONS STEPS REPEATS
One line a repeat: synapse updates per second of CPU time of the built program.
With a fourth argument each repeat waits for a line on stdin: building takes long.
It leaves out what favours it: one delay of one step for all, the denominator of
eq. (9) one step late, E_k and so G' a table, no critic, novelty or eq. (7)."""
import os
import shutil
import subprocess
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
import numpy as np
from brian2 import *  # noqa: F403
from model import K, P, arguments

N, STEPS, REPEATS = arguments()
directory = tempfile.mkdtemp()
prefs.core.default_float_dtype = float32
prefs.devices.cpp_standalone.openmp_threads = 0
set_device("cpp_standalone", directory=directory, build_on_run=False)
defaultclock.dt = 1 * ms
rng = np.random.default_rng(1)
ns = dict(P, Gt=TimedArray(rng.uniform(-1, 1, STEPS + 2).astype("f4"), dt=1 * ms))
group = NeuronGroup(N, """I:1
den:1
z:1
zp:1
c0:1
c1:1
s0:1
s1:1
b:1
m:1
u0:1 (constant)
u1:1 (constant)
v0:1 (constant)
v1:1 (constant)
h0:1
h1:1""", namespace=ns)
group.run_regularly("""zp=z
z=tanh(I+b+sigma*randn())*int(rand()>=drop)
m+=mean_rate*(z-m)
b=clip(b-bias_rate*m,-4,4)
c0+=rho0*(z-c0)
c1+=rho1*(z-c1)
s0=c0/sqrt(c0*c0+c1*c1+1e-18)
s1=c1/sqrt(c0*c0+c1*c1+1e-18)
h0=(u0*zp+v0)/sqrt((u0*zp+v0)**2+(u1*zp+v1)**2+1e-18)
h1=(u1*zp+v1)/sqrt((u0*zp+v0)**2+(u1*zp+v1)**2+1e-18)""", when="thresholds")
syn = Synapses(group, group, """w:1
f:1
sl:1
phi:1 (constant)
I_post=w*z_pre:1 (summed)
den_post=exp(clip(beta_a*(s0_post*h0_pre+s1_post*h1_pre),-20,20)):1 (summed)""", namespace=ns)
syn.connect(i=rng.integers(0, N, N * K).astype("i4"), j=np.repeat(np.arange(N), K).astype("i4"))
syn.w, syn.phi = rng.normal(0, 0.25, N * K), rng.uniform(0, 2 * np.pi, N * K)
for name in ("u0", "u1", "v0", "v1"):
    setattr(group, name, rng.normal(0, 0.3, N))
syn.run_regularly("""xz=zp_pre*z_post
f=f*decay_fast+xz
sl=sl*decay_slow+xz
et=exp(clip(beta_a*(s0_post*h0_pre+s1_post*h1_pre),-20,20))*%d/(den_post+1e-18)*(f+sl)
dd=(eta_local+eta_global*Gt(t))*et*clip(cos(omega*t/ms-phi),0,1)
w=clip(w+dd*int(rand()<1/(1+exp(-beta_p*(abs(dd)-theta_p)))),-weight_max,weight_max)""" % K, when="resets")
run(STEPS * ms)
stdout, sys.stdout = sys.stdout, open(os.devnull, "w")
try:
    device.build(compile=True, run=False, directory=directory)
    sys.stdout = stdout
    for _ in range(REPEATS):
        if len(sys.argv) > 4:
            sys.stdin.readline()
        before = os.times()
        subprocess.run(["./main", "results/"], cwd=directory, check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        spent = after.children_user - before.children_user + after.children_system - before.children_system
        print("%.6g" % (N * K * STEPS / spent), flush=True)
finally:
    shutil.rmtree(directory, ignore_errors=True)
