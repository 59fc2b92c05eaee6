// Microsoft's parser, asked about a list of queries. Standard input: {"tables": {name: columns},
// "queries": [text]}; standard output: for each query its errors and the result's columns.
const fs = require("fs");
require("@kusto/language-service-next/bridge.min.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");

const { Symbols, KustoCode, GlobalState } = Kusto.Language;

function items(list) {
  return Array.from({ length: list.Count }, (_, at) => list.getItem(at));
}

function analyze(query, globals) {
  try {
    return parse(query, globals);
  } catch (error) {
    return { syntax: [], errors: [{ message: `the parser fails: ${error.message}` }], columns: null };
  }
}

function parse(query, globals) {
  const code = KustoCode.ParseAndAnalyze(query, globals);
  const show = (each) => ({ code: each.Code, message: each.Message, start: each.Start });
  const isError = (each) => each.Severity === "Error";
  const columns = code.ResultType && code.ResultType.Columns;
  return {
    syntax: items(code.GetSyntaxDiagnostics()).filter(isError).map(show),
    errors: items(code.GetDiagnostics()).filter(isError).map(show),
    columns: columns ? items(columns).map((each) => [each.Name, each.Type.Name]) : null,
  };
}

const asked = JSON.parse(fs.readFileSync(0, "utf8"));
const tables = Object.entries(asked.tables).map(([name, columns]) =>
  Symbols.TableSymbol.From(columns).WithName(name)
);
const database = new Symbols.DatabaseSymbol.ctor("stepsight", tables);
const globals = GlobalState.Default.WithDatabase(database);
console.log(JSON.stringify(asked.queries.map((query) => analyze(query, globals))));
