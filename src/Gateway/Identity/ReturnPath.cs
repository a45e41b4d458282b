namespace Gateway.Identity;

/// <summary>Where a sign-in comes back to: a path on this origin, or the start page.</summary>
internal static class ReturnPath
{
    public const string Start = "/";

    // Longer ones do not fit the provider's state.
    private const int MaximumLength = 2000;

    /// <summary>
    /// The path if it cannot leave this origin, else <see cref="Start"/>. Browsers take <c>//</c> and <c>/\</c> for a host, and drop tabs and
    /// newlines before they look, so anything of that kind is not argued with. Paths of our own would loop or sign out.
    /// </summary>
    public static string Local(string? path) => IsLocal(path) ? path! : Start;

    private static bool IsLocal(string? path)
    {
        if (string.IsNullOrEmpty(path) || path.Length > MaximumLength || path[0] != '/')
        {
            return false;
        }

        if (path.Length > 1 && path[1] is '/' or '\\')
        {
            return false;
        }

        foreach (var c in path)
        {
            if (c is <= ' ' or '\\' or >= '\u007f')
            {
                return false;
            }
        }

        return !IsTricky(path);
    }

    // Dot segments are resolved by the browser: "/./.gateway" and "/x/..//host" become other things there.
    private static bool IsTricky(string path)
    {
        var end = path.IndexOfAny(['?', '#']);
        var only = Uri.UnescapeDataString(end < 0 ? path : path[..end]);
        return only.StartsWith("/.gateway", StringComparison.OrdinalIgnoreCase)
            || only.Contains('\\')
            || only.Any(char.IsControl)
            || only.StartsWith("//", StringComparison.Ordinal)
            || only.Split('/').Any(segment => segment is "." or "..");
    }
}
