namespace SampleWorkspace.Api;

/// <summary>Plain files on the volume, by name.</summary>
internal static class Files
{
    public static Task ReadAsync(HttpContext context)
    {
        if (PathOf(context) is not { } path || !File.Exists(path))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }

        context.Response.ContentType = "application/octet-stream";
        return context.Response.SendFileAsync(path, context.RequestAborted);
    }

    public static async Task WriteAsync(HttpContext context)
    {
        if (PathOf(context) is not { } path)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            return;
        }

        // A reader never sees half a file.
        var unfinished = $"{path}.{Guid.NewGuid():N}.unfinished";
        try
        {
            await using (var file = File.Create(unfinished))
            {
                await context.Request.Body.CopyToAsync(file, context.RequestAborted);
            }

            File.Move(unfinished, path, overwrite: true);
        }
        finally
        {
            File.Delete(unfinished);
        }

        context.Response.StatusCode = StatusCodes.Status201Created;
        await Json.WriteAsync(context, new FileAnswer(Path.GetFileName(path), new FileInfo(path).Length));
    }

    private static string? PathOf(HttpContext context)
    {
        // A route value keeps %2F encoded, so that is what a separator looks like here.
        var name = Uri.UnescapeDataString((string)context.GetRouteValue("name")!);
        return name is "." or ".." || name.AsSpan().IndexOfAny('/', '\0') >= 0
            ? null
            : Path.Combine(context.RequestServices.GetRequiredService<WorkspaceSettings>().Folder, name);
    }
}
