// Shows the server's OpenAPI description.

const response = await fetch("api/openapi.json");
const described = await response.json();

const make = (name, parent, text) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
};

const resolved = (schema) => (schema?.$ref ? described.components.schemas[schema.$ref.split("/").pop()] : schema);

function showSchema(parent, title, schema) {
  if (!schema) return;
  make("h3", parent, title);
  const pre = make("pre", parent, JSON.stringify(resolved(schema), null, 2));
  pre.tabIndex = 0;
}

function showOperation(parent, path, method, operation) {
  const details = make("details", parent);
  const summary = make("summary", details);
  make("b", summary, method.toUpperCase());
  make("code", summary, path);
  make("span", summary, ` ${operation.description ?? operation.summary ?? ""}`);
  const parameters = operation.parameters ?? [];
  if (parameters.length) {
    const list = make("dl", details);
    for (const { name, in: where, description } of parameters) {
      make("dt", list, name);
      make("dd", list, [where, description].filter(Boolean).join(", "));
    }
  }
  const [[type, body] = []] = Object.entries(operation.requestBody?.content ?? {});
  showSchema(details, `Body, ${type}`, body?.schema);
  for (const [status, { content, description }] of Object.entries(operation.responses)) {
    if (status >= "300") continue;
    const [[kind, reply] = []] = Object.entries(content ?? {});
    showSchema(details, `${status}, ${kind ?? description}`, reply?.schema);
  }
}

const groups = new Map();
for (const [path, methods] of Object.entries(described.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    const tag = operation.tags?.[0] ?? "others";
    if (!groups.has(tag)) {
      make("h2", document.getElementById("operations"), tag);
      groups.set(tag, make("div", document.getElementById("operations")));
    }
    showOperation(groups.get(tag), path, method, operation);
  }
}
for (const [path, { description, receives, sends }] of Object.entries(described["x-websockets"])) {
  const details = make("details", document.getElementById("sockets"));
  const summary = make("summary", details);
  make("b", summary, "WS");
  make("code", summary, path);
  make("span", summary, ` ${description}`);
  showSchema(details, "Receives", receives);
  showSchema(details, "Sends", sends);
}
