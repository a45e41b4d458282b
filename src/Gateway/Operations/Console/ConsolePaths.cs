namespace Gateway.Operations.Console;

/// <summary>The console's own addresses on the operations listener.</summary>
internal static class ConsolePaths
{
    public const string Start = "/";
    public const string User = "/users/{id}";
    public const string Drift = "/drift";
    public const string Costs = "/costs";
    public const string SignOut = "/sign-out";
    public const string SignedOut = "/signed-out";

    public static string Of(string id) => "/users/" + id;
}
