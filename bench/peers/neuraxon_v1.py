"""The rules of Neuraxon v1 (docs/SPEC.md, chapter 11) as a plain Python program
steps them: an object a neuron, an object a synapse, lists. No random draws, no
histories. neuraxon_v1.py NEURONS STEPS [check]: synapse updates a second; with
`check` a number that depends on every weight and membrane, as neuraxon_plain.c
prints it."""
import sys
import time

K = 16  # synapses a neuron; inputs have none
DT, TAU_M, ABOVE, BELOW = 1.0, 20.0, 1.0, -1.0
TAU_FAST, TAU_SLOW, TAU_META, WINDOW, RATE = 5.0, 50.0, 1000.0, 20.0, 0.01
DEATH, GONE, HEALTH_DECAY, NEUROMOD = 0.01, 0.1, 0.001, 0.1
BASELINE = 0.1


class Neuron:
    def __init__(self):
        self.membrane = self.adaptation = self.autoreceptor = 0.0
        self.health, self.state, self.external, self.active = 1.0, 0, 0.0, True


class Synapse:
    def __init__(self, pre, post, fast, slow, meta):
        self.pre, self.post = pre, post
        self.w_fast, self.w_slow, self.w_meta = fast, slow, meta
        self.integrity, self.silent, self.modulatory = 1.0, False, False
        self.pre_trace = self.post_trace = 0.0


class Network:
    def __init__(self, neurons):
        self.seed = 1
        self.neurons = [Neuron() for _ in range(neurons)]
        self.synapses = []
        for post in range(5, neurons):
            for _ in range(K):
                pre = self.draw() % neurons
                fast, slow, meta = self.unit(), self.unit(), self.unit()
                self.synapses.append(Synapse(pre, post, fast, 0.5 * slow, 0.25 * meta))
        for s in self.synapses:
            s.modulatory = self.draw() % 10 == 0
        self.dopamine = self.serotonin = self.acetylcholine = self.norepinephrine = BASELINE

    def draw(self):
        self.seed = (self.seed * 1103515245 + 12345) % 2147483648
        return self.seed >> 12

    def unit(self):
        return self.draw() / 262144.0 - 1.0

    def stimulate(self, t):
        for i in range(5):
            n = self.neurons[i]
            n.state = (t + i) % 3 - 1
            n.membrane = n.state * ABOVE
        for i in range(t % 7, len(self.neurons), 7):
            self.neurons[i].external = 3.0 if i % 2 else -3.0

    def step(self):
        current, shift = [0.0] * len(self.neurons), [0.0] * len(self.neurons)
        for s in self.synapses:
            if s.integrity <= 0 or not self.neurons[s.pre].active:
                continue
            if not s.silent:
                current[s.post] += (s.w_fast + s.w_slow) * self.neurons[s.pre].state
            if s.modulatory:
                shift[s.post] += s.w_meta
        for i, n in enumerate(self.neurons):
            if n.active:
                self.update_neuron(n, current[i], shift[i])
            n.external = 0.0
        for s in self.synapses:
            if s.integrity > 0:
                self.update_synapse(s)
        self.dopamine += (BASELINE - self.dopamine) * NEUROMOD * DT / 100.0
        self.serotonin += (BASELINE - self.serotonin) * NEUROMOD * DT / 100.0
        self.acetylcholine += (BASELINE - self.acetylcholine) * NEUROMOD * DT / 100.0
        self.norepinephrine += (BASELINE - self.norepinephrine) * NEUROMOD * DT / 100.0
        self.synapses = [s for s in self.synapses if s.integrity > GONE]

    def update_neuron(self, n, current, modulatory):
        n.membrane += DT / TAU_M * (-n.membrane + current + n.external - n.adaptation + 0.0)
        n.adaptation += DT / 100.0 * (-n.adaptation + 0.1 * abs(n.state))
        n.autoreceptor += DT / 200.0 * (-n.autoreceptor + 0.2 * n.state)
        shift = (self.acetylcholine - 0.5) * 0.5 + modulatory * 0.3
        if n.membrane > ABOVE - shift - 0.1 * n.autoreceptor:
            n.state = 1
        elif n.membrane < BELOW - shift + 0.1 * n.autoreceptor:
            n.state = -1
        else:
            n.state = 0
        if abs(n.membrane) / 2.0 < 0.01:
            n.health -= HEALTH_DECAY * DT
        else:
            n.health = min(1.0, n.health + 0.0005 * DT)

    def update_synapse(self, s):
        pre, post = self.neurons[s.pre].state, self.neurons[s.post].state
        s.pre_trace += (-s.pre_trace / WINDOW + (pre == 1)) * DT
        s.post_trace += (-s.post_trace / WINDOW + (post == 1)) * DT
        change = 0.0
        if pre == 1 and post == 1:
            change = RATE * self.dopamine
        elif pre == 1 and post == -1:
            change = -RATE * self.dopamine
        s.w_fast = max(-1.0, min(1.0, s.w_fast + DT / TAU_FAST * (-s.w_fast + change * 0.3)))
        s.w_slow = max(-1.0, min(1.0, s.w_slow + DT / TAU_SLOW * (-s.w_slow + change * 0.1)))
        s.w_meta = max(-0.5, min(0.5, s.w_meta + DT / TAU_META * (-s.w_meta + change * 0.05 * self.serotonin)))
        if abs(s.w_fast) < 0.01 and abs(s.w_slow) < 0.01:
            s.integrity -= DEATH * DT
        else:
            s.integrity = min(1.0, s.integrity + 0.001 * DT)


def main():
    network, steps = Network(int(sys.argv[1])), int(sys.argv[2])
    updates, start = 0, time.process_time()
    for t in range(steps):
        network.stimulate(t)
        updates += len(network.synapses)
        network.step()
    if len(sys.argv) > 3:
        check = 0.0
        for s in network.synapses:
            check = check / 2.0 + s.w_fast + s.w_slow + s.w_meta + s.integrity
        for n in network.neurons:
            check = check / 2.0 + n.membrane + n.adaptation + n.autoreceptor + n.state
        print(len(network.synapses), check.hex())
    else:
        print(updates / (time.process_time() - start))


main()
