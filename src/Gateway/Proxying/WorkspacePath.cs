using System.Text;

namespace Gateway.Proxying;

/// <summary>Whose a request's target is. Decided on what the path means, while what is forwarded is what was sent.</summary>
internal enum PathOwner
{
    /// <summary>Everything but <c>/.gateway</c>: the workspace's.</summary>
    Workspace,

    /// <summary><c>/.gateway</c> and below, written plainly.</summary>
    Gateway,

    /// <summary>It means one thing as written and another when normalised: nobody's. Refused.</summary>
    Disputed,
}

/// <summary>
/// Reads a raw request target. Dot segments, encoded characters, repeated and reversed slashes are read the way the most lenient server behind or before
/// us might read them: if any reading leads to <c>/.gateway</c> and the plain text does not, the target is disputed.
/// </summary>
internal static class WorkspacePath
{
    private const string Own = "/" + Name;
    private const string Name = ".gateway";

    public static PathOwner OwnerOf(string rawTarget)
    {
        var path = PathOf(rawTarget);
        // The common case costs a search: what is not encoded loses characters when it is normalised and wins none, so our own name must be in it already.
        var first = path.AsSpan().IndexOfAny('.', '%', '\\');
        if (first < 0 || (path.AsSpan(first).IndexOfAny('%', '\\') < 0 && !path.Contains(Name, StringComparison.OrdinalIgnoreCase)))
        {
            return PathOwner.Workspace;
        }

        var plain = IsOwn(path, StringComparison.Ordinal);
        var lenient = false;
        var strict = true;
        foreach (var reading in Readings(path))
        {
            lenient |= MayBeOwn(reading);
            strict &= IsOwn(reading, StringComparison.OrdinalIgnoreCase);
        }

        return (plain, lenient, strict) switch
        {
            (true, _, true) => PathOwner.Gateway,
            (false, false, _) => PathOwner.Workspace,
            _ => PathOwner.Disputed,
        };
    }

    /// <summary>The path of an origin-form or absolute-form target, without its query.</summary>
    private static string PathOf(string target)
    {
        var query = target.IndexOf('?', StringComparison.Ordinal);
        var path = query < 0 ? target : target[..query];
        var scheme = path.IndexOf("://", StringComparison.Ordinal);
        if (path.StartsWith('/') || scheme < 0)
        {
            return path;
        }

        var slash = path.IndexOf('/', scheme + 3);
        return slash < 0 ? "/" : path[slash..];
    }

    private static bool IsOwn(string path, StringComparison comparison) =>
        path.StartsWith(Own, comparison) && (path.Length == Own.Length || path[Own.Length] == '/');

    /// <summary>Servers drop what they do not like of a segment's end: parameters, what looks like a query, blanks, dots, control characters.</summary>
    private static bool MayBeOwn(string path)
    {
        var end = path.IndexOf('/', Math.Min(1, path.Length));
        var segment = end < 0 ? path.AsSpan() : path.AsSpan(0, end);
        var cut = segment.IndexOfAny(";#?\0");
        segment = cut < 0 ? segment : segment[..cut];
        while (segment.Length > Own.Length && (segment[^1] is '.' || char.IsWhiteSpace(segment[^1]) || char.IsControl(segment[^1])))
        {
            segment = segment[..^1];
        }

        return segment.Equals(Own, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>The path decoded once and twice, each with slashes as they are and merged, with dot segments as they are and removed.</summary>
    private static IEnumerable<string> Readings(string path)
    {
        var once = Uri.UnescapeDataString(path);
        var twice = Uri.UnescapeDataString(once);
        foreach (var decoded in new[] { path, once, twice }.Distinct())
        {
            var slashes = decoded.Replace('\\', '/');
            yield return slashes;
            yield return RemoveDotSegments(slashes, mergeSlashes: false);
            yield return RemoveDotSegments(slashes, mergeSlashes: true);
        }
    }

    /// <summary>RFC 3986, 5.2.4, with path parameters (<c>/..;x</c>) dropped as some servers do.</summary>
    private static string RemoveDotSegments(string path, bool mergeSlashes)
    {
        var kept = new List<string>();
        foreach (var segment in path.Split('/'))
        {
            var parameter = segment.IndexOf(';', StringComparison.Ordinal);
            var name = parameter < 0 ? segment : segment[..parameter];
            if (name == "..")
            {
                if (kept.Count > 1)
                {
                    kept.RemoveAt(kept.Count - 1);
                }
            }
            else if (name != "." && !(mergeSlashes && name.Length == 0 && kept.Count > 0))
            {
                kept.Add(kept.Count > 0 && name.Equals(".gateway", StringComparison.OrdinalIgnoreCase) ? name : segment);
            }
        }

        var text = new StringBuilder();
        text.AppendJoin('/', kept);
        return text.Length == 0 ? "/" : text.ToString();
    }
}
