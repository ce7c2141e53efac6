// Asks the browser where the phone is, when the button is tapped; says so where it may not or cannot.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const button = parentElement.querySelector("button");
  const ask = data.label;
  button.textContent = ask;
  button.disabled = false;
  const tell = (found) => {
    button.textContent = ask;
    button.disabled = false;
    setTriggerValue("found", found);
  };
  const why = { 1: "denied", 2: "unavailable", 3: "timeout" };
  button.onclick = () => {
    if (!window.isSecureContext || !navigator.geolocation) {
      tell({ error: "insecure" });
      return;
    }
    button.textContent = data.asking;
    button.disabled = true;
    navigator.geolocation.getCurrentPosition(
      (at) => tell({ lon: at.coords.longitude, lat: at.coords.latitude, accuracy: at.coords.accuracy }),
      (error) => tell({ error: why[error.code] || "unavailable" }),
      { enableHighAccuracy: true, timeout: 15000, maximumAge: 60000 },
    );
  };
}
