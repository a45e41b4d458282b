namespace Figures;

/// <summary>One thing that was measured, with the bar it is held to.</summary>
internal sealed record Reading(string What, string Measured, string Bar, bool Met);

/// <summary>A figure: its name on the command line, and how it is taken.</summary>
internal sealed record Figure(string Name, Func<Task<IReadOnlyList<Reading>>> TakeAsync);
