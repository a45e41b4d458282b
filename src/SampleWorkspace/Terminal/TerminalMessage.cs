using System.Text.Json.Serialization;

namespace SampleWorkspace.Terminal;

/// <summary>My Jarvis Desktop's terminal protocol: <c>connected</c> and <c>exit</c> from the server, <c>resize</c> from the client, <c>data</c> both ways.</summary>
internal sealed record TerminalMessage(
    string Type,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? TermId = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Data = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Cols = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Rows = null);
