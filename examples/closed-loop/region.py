"""What the two examples do with a pose. A real one switches a laser here, or a valve."""

import time


class Region:
    """A rectangle in pixels of the source, and whether a node is in it."""

    def __init__(self, left, top, right, bottom):
        self.sides = left, top, right, bottom
        self.inside = False
        self.poses = 0

    @classmethod
    def parse(cls, text):
        return cls(*(float(side) for side in text.split(",", 3)))

    def look(self, pose, node):
        """Acts when the node comes in or goes out, of whichever animal."""
        self.poses += 1
        left, top, right, bottom = self.sides
        points = [instance[node] for instance in pose["instances"]]
        # None: the node was not found in this frame.
        inside = any(left <= x <= right and top <= y <= bottom for x, y in filter(None, points))
        if inside != self.inside:
            self.inside = inside
            self.act(pose)

    def act(self, pose):
        """The stimulus: on while the animal is in the region."""
        late = time.time() * 1e6 - pose["emitted_us"]
        print(f"{'on ' if self.inside else 'off'} frame {pose['frame_id']}, {late:.0f} us after its pose", flush=True)

    def silence(self):
        """No pose has come for a while: whatever the reason, nothing may stay on."""
        if self.inside:
            self.inside = False
            print("off, nothing was heard", flush=True)

    def end(self):
        """The stream is over: nothing may stay on."""
        if self.inside:
            print("off at the end", flush=True)
        print(f"end after {self.poses} poses", flush=True)
