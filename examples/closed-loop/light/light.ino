// Switches a light (or a laser, a valve) as `sleap-stream --rules` says: '1' is on, '0' is off.
// The board switches off by itself when it has heard nothing for MAX_ON_MS while it is on.

const int PIN = 13;                        // the LED on most boards
const unsigned long MAX_ON_MS = 5000;      // longer than the stimulus may ever last

unsigned long switched_on = 0;
bool is_on = false;

void set(bool on) {
  is_on = on;
  digitalWrite(PIN, on ? HIGH : LOW);
  if (on) switched_on = millis();
}

void setup() {
  pinMode(PIN, OUTPUT);
  set(false);
  Serial.begin(115200);
}

void loop() {
  if (Serial.available() > 0) {
    switch (Serial.read()) {
      case '1': set(true); break;
      case '0': set(false); break;
    }
  }
  if (is_on && millis() - switched_on > MAX_ON_MS) set(false);
}
