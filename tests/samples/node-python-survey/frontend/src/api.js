export const scores = async () => (await fetch("/scores")).json();
export const post = (answer) => fetch("/answers", { method: "POST", body: JSON.stringify(answer) });
