namespace LocalCloud;

/// <summary>Where the programs are that are built with this one but run as processes of their own.</summary>
internal static class Programs
{
    public static string Host { get; } = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } path ? path : "dotnet";

    public static string Find(string name)
    {
        // src/LocalCloud/bin/Debug/net10.0 → src/<name>/bin/Debug/net10.0; or all in one folder.
        var own = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        var projects = own.Parent?.Parent?.Parent?.Parent?.FullName ?? "";
        string[] candidates =
        [
            Path.Combine(projects, name, "bin", own.Parent?.Name ?? "", own.Name, $"{name}.dll"),
            Path.Combine(own.FullName, $"{name}.dll"),
        ];
        return Array.Find(candidates, File.Exists)
            ?? throw new LocalCloudException($"{name}.dll is not built: looked for {string.Join(" and ", candidates)}. Build the solution.");
    }
}
