"""What the two examples do with a pose. A real one switches a laser here, or a valve."""

import argparse
import difflib
import sys
import time


def index_of(node, skeleton):
    """The place of a node in each pose; ends the program where the model has no such node."""
    nodes = skeleton["nodes"]
    if node in nodes:
        return nodes.index(node)
    near = difflib.get_close_matches(node, nodes, n=1)
    hint = f", did you mean --node {near[0]}?" if near else "."
    sys.exit(f"error: the model has no node {node!r}{hint} It has {', '.join(nodes)}")


def run(main):
    """Runs an example's main; Ctrl-C ends it without a traceback."""
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)


class Region:
    """A rectangle in pixels of the source, and whether a node is in it."""

    def __init__(self, left, top, right, bottom):
        self.sides = left, top, right, bottom
        self.inside = False
        self.poses = 0

    @classmethod
    def parse(cls, text):
        try:
            left, top, right, bottom = (float(side) for side in text.split(","))
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not LEFT,TOP,RIGHT,BOTTOM in pixels") from None
        if not (left < right and top < bottom):
            raise argparse.ArgumentTypeError(f"{text!r} is empty: LEFT < RIGHT and TOP < BOTTOM")
        return cls(left, top, right, bottom)

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
